//! What a command says when it fails: one error, its exit code, and what can be done.

use std::error::Error;

use fumehood::experiment::spec::SpecError;
use fumehood::record::derive::DeriveError;
use fumehood::record::{FolderError, LockError, ManifestError, RecoverError, atomic};

use crate::engine::choose::ChooseError;
use crate::engine::ledger::LedgerError;
use crate::engine::pool::PoolError;
use crate::reporter::escape;
use crate::settings::SettingsError;
use crate::start::program::ProgramError;
use crate::start::runtime::RuntimeError;

/// The exit codes of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Bad usage or bad input; nothing was started, nothing written.
    Usage,
    /// The environment or the journal failed.
    Environment,
    /// The run folder is in use.
    InUse,
}

impl Code {
    /// The number of the contract.
    pub fn number(self) -> u8 {
        match self {
            Code::Usage => 2,
            Code::Environment => 3,
            Code::InUse => 4,
        }
    }
}

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its exit code.
    pub code: Code,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// Bad usage or bad input.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure {
            code: Code::Usage,
            message: message.into(),
            hint: None,
        }
    }

    /// The environment failed.
    pub fn environment(message: impl Into<String>) -> Failure {
        Failure {
            code: Code::Environment,
            ..Failure::usage(message)
        }
    }

    /// With a sentence that says what to do.
    pub fn hint(mut self, hint: Option<String>) -> Failure {
        self.hint = hint;
        self
    }

    /// What is written to standard error. Lines stay lines; nothing else in the text can move the cursor.
    pub fn text(&self) -> String {
        let escaped: Vec<String> = self.message.lines().map(escape).collect();
        let mut text = format!("error: {}\n", escaped.join("\n"));
        if let Some(hint) = &self.hint {
            text.push_str(&format!("hint: {}\n", escape(hint)));
        }
        text
    }

    fn of(code: Code, error: &dyn Error, hint: Option<String>) -> Failure {
        let mut message = error.to_string();
        // The system's own reason may be further down; what is said already is not said again.
        let mut source = error.source();
        while let Some(cause) = source {
            let reason = cause.to_string();
            if !message.contains(&reason) {
                message.push_str(&format!(": {reason}"));
            }
            source = cause.source();
        }
        Failure {
            code,
            message,
            hint,
        }
    }
}

impl From<SpecError> for Failure {
    fn from(error: SpecError) -> Failure {
        let hint = error.hint();
        Failure::of(Code::Usage, &error, hint)
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Failure {
        let hint = error.hint();
        Failure::of(Code::Usage, &error, hint)
    }
}

impl From<ProgramError> for Failure {
    fn from(error: ProgramError) -> Failure {
        let code = match error {
            ProgramError::NoSelf(_) => Code::Environment,
            ProgramError::NotAProgram { .. } => Code::Usage,
        };
        let hint = error.hint();
        Failure::of(code, &error, hint)
    }
}

impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Failure {
        let code = match error {
            // Something is there that is not a run: another name was meant.
            FolderError::Io(_) => Code::Environment,
            _ => Code::Usage,
        };
        let hint = error.hint();
        Failure::of(code, &error, hint)
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Failure {
        let code = match error {
            LockError::Held { .. } => Code::InUse,
            LockError::Unlockable(_) | LockError::Io(_) => Code::Environment,
        };
        let hint = error.hint();
        Failure::of(code, &error, hint)
    }
}

impl From<RecoverError> for Failure {
    fn from(error: RecoverError) -> Failure {
        let code = match error {
            RecoverError::OtherPlan { .. } => Code::Usage,
            _ => Code::Environment,
        };
        let hint = error.hint();
        Failure::of(code, &error, hint)
    }
}

impl From<ManifestError> for Failure {
    fn from(error: ManifestError) -> Failure {
        let hint = error.hint();
        Failure::of(Code::Environment, &error, hint)
    }
}

impl From<DeriveError> for Failure {
    fn from(error: DeriveError) -> Failure {
        let hint = error.hint();
        Failure::of(Code::Environment, &error, hint)
    }
}

impl From<ChooseError> for Failure {
    fn from(error: ChooseError) -> Failure {
        let code = match error {
            ChooseError::NoFork => Code::Usage,
            ChooseError::ForkFails(_) | ChooseError::NoWorker(_) | ChooseError::Pool(_) => {
                Code::Environment
            }
        };
        let hint = error.hint();
        Failure::of(code, &error, hint)
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Failure {
        let hint = error.hint();
        Failure::of(Code::Environment, &error, hint)
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Failure {
        let hint = error.hint();
        Failure::of(Code::Environment, &error, hint)
    }
}

impl From<RuntimeError> for Failure {
    fn from(error: RuntimeError) -> Failure {
        let hint = error.hint();
        Failure::of(Code::Environment, &error, hint)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        let hint = atomic::hint_of(&error);
        Failure::of(Code::Environment, &error, Some(hint))
    }
}
