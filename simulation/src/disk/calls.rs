//! What a process asks of the disk.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fumehood::clock::Monotonic;
use fumehood::record::disk::{Disk, DiskFile, Kind};
use fumehood::record::{Attendant, Syncs};

use super::{Change, File, Inner, Node, Refusal, SimulatedDisk, Written, failed, parent};

impl Disk for SimulatedDisk {
    fn create_file(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = self.change(&[Refusal::NoNewFiles], |inner, refusal| {
            if refusal.is_some() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let file = inner.files.len();
            inner.make(path, Node::File(file))?;
            inner.files.push(File::default());
            Ok(file)
        })?;
        Ok(self.opened(file))
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut inner = self.lock();
        inner.check(self.process)?;
        let refusal = inner
            .refusals
            .iter()
            .position(|refusal| *refusal == Refusal::NoDescriptors);
        if let Some(at) = refusal {
            inner.refusals.remove(at);
            inner.refused += 1;
            return Err(io::Error::other("too many open files"));
        }
        let file = inner.file_at(path)?;
        drop(inner);
        Ok(self.opened(file))
    }

    fn open_to_append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let inner = self.lock();
        inner.check(self.process)?;
        let file = inner.file_at(path)?;
        drop(inner);
        Ok(self.opened(file))
    }

    fn cut(&self, path: &Path, length: u64) -> io::Result<()> {
        self.change(&[Refusal::SyncFails], |inner, refusal| {
            let file = inner.file_at(path)?;
            let file = &mut inner.files[file];
            file.content.truncate(length as usize);
            file.line_from = file.content.len();
            if refusal.is_some() {
                return Err(failed());
            }
            file.durable = file.content.len();
            Ok(())
        })
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.change(&[Refusal::SyncFails], |inner, refusal| {
            let file = inner.file_at(path)?;
            if refusal.is_some() {
                return Err(failed());
            }
            inner.sync(file);
            Ok(())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(&[Refusal::NoRename], |inner, refusal| {
            if refusal.is_some() {
                return Err(failed());
            }
            let file = inner.file_at(from)?;
            inner.put(Change::Renamed(
                from.to_owned(),
                to.to_owned(),
                Node::File(file),
            ));
            Ok(())
        })
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.change(&[], |inner, _| {
            inner.file_at(path)?;
            inner.put(Change::Removed(path.to_owned()));
            Ok(())
        })
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.change(&[], |inner, _| inner.make_folder(path))
    }

    fn create_folder_above(&self, path: &Path) -> io::Result<()> {
        self.create_folder(path)
    }

    fn make_private(&self, _folder: &Path) -> io::Result<()> {
        self.lock().check(self.process)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.change(&[Refusal::FolderSyncFails], |inner, refusal| {
            if refusal.is_some() {
                return Err(failed());
            }
            let changes = std::mem::take(&mut inner.changes);
            let (now, later): (Vec<Change>, Vec<Change>) = changes
                .into_iter()
                .partition(|change| change.folder() == folder);
            now.iter()
                .for_each(|change| change.apply(&mut inner.durable_names));
            inner.changes = later;
            Ok(())
        })
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        let inner = self.lock();
        inner.check(self.process)?;
        if inner.names.get(folder) != Some(&Node::Folder) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = inner
            .names
            .keys()
            .filter(|path| path.parent() == Some(folder));
        Ok(inside
            .filter_map(|path| path.file_name().map(OsString::from))
            .collect())
    }

    fn kind(&self, path: &Path) -> io::Result<Kind> {
        let inner = self.lock();
        inner.check(self.process)?;
        match inner.names.get(path) {
            Some(Node::Folder) => Ok(Kind::Folder),
            Some(Node::File(_)) => Ok(Kind::Other),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn leads_to_folder(&self, path: &Path) -> bool {
        self.kind(path).is_ok_and(|kind| kind == Kind::Folder)
    }

    fn unique(&self) -> u32 {
        self.lock().draws.bits() as u32
    }

    fn now(&self) -> Monotonic {
        self.lock().now
    }

    fn attend(&self, syncs: &Arc<Syncs>) -> io::Result<Box<dyn Attendant>> {
        self.lock().check(self.process)?;
        Ok(self.attended(syncs))
    }
}

/// An open file of a process.
#[derive(Debug)]
pub(super) struct Open {
    disk: SimulatedDisk,
    file: usize,
    at: Mutex<usize>,
}

impl Open {
    pub(super) fn new(disk: &SimulatedDisk, file: usize) -> Open {
        Open {
            disk: disk.clone(),
            file,
            at: Mutex::new(0),
        }
    }

    fn place(&self) -> MutexGuard<'_, usize> {
        self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DiskFile for Open {
    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        use Refusal::{Full, Interrupted, Short, WriteFails};
        self.disk
            .change(&[Full, WriteFails, Short, Interrupted], |inner, refusal| {
                let some = inner.draws.below(bytes.len() as u64 + 1) as usize;
                // Dying in the middle of a write leaves a part of it.
                let taken = match refusal {
                    None if inner.is_dead => some,
                    None => bytes.len(),
                    Some(Full | WriteFails) => some,
                    Some(Interrupted) => return Err(io::ErrorKind::Interrupted.into()),
                    Some(_) => some.clamp(1, bytes.len()),
                };
                inner.append(self.file, &bytes[..taken]);
                match refusal {
                    Some(Full) => Err(io::ErrorKind::StorageFull.into()),
                    Some(WriteFails) => Err(failed()),
                    _ => Ok(taken),
                }
            })
    }

    fn read_on(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let inner = self.disk.lock();
        inner.check(self.disk.process)?;
        let mut at = self.place();
        let content = &inner.files[self.file].content;
        let rest = content.get(*at..).unwrap_or_default();
        let read = rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&rest[..read]);
        *at += read;
        Ok(read)
    }

    fn seek(&self, to: u64) -> io::Result<()> {
        *self.place() = to as usize;
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        let inner = self.disk.lock();
        inner.check(self.disk.process)?;
        Ok(inner.files[self.file].content.len() as u64)
    }

    fn hole_at_end(&self) -> io::Result<Option<u64>> {
        *self.place() = 0;
        Ok(None)
    }

    fn empty(&self) -> io::Result<()> {
        self.disk.change(&[], |inner, _| {
            inner.files[self.file] = File {
                locked_by: inner.files[self.file].locked_by,
                ..File::default()
            };
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.change(&[Refusal::SyncFails], |inner, refusal| {
            if refusal.is_some() {
                return Err(failed());
            }
            inner.sync(self.file);
            Ok(())
        })
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn is_at(&self, path: &Path) -> bool {
        let inner = self.disk.lock();
        inner.names.get(path) == Some(&Node::File(self.file))
    }

    fn lock(&self) -> io::Result<bool> {
        let mut inner = self.disk.lock();
        inner.check(self.disk.process)?;
        let process = inner.process;
        let holder = &mut inner.files[self.file].locked_by;
        let is_free = holder.is_none_or(|holder| holder <= process);
        if is_free {
            *holder = Some(process);
        }
        Ok(is_free)
    }
}

impl Inner {
    fn append(&mut self, file: usize, bytes: &[u8]) {
        let content = &mut self.files[file].content;
        content.extend_from_slice(bytes);
        if !bytes.ends_with(b"\n") {
            return;
        }
        let File {
            content, line_from, ..
        } = &mut self.files[file];
        let from = std::mem::replace(line_from, content.len());
        let line = content[from..].to_vec();
        let segment = self.names.iter().find_map(|(path, node)| {
            let is_it = *node == Node::File(file) && parent(path).ends_with("journal");
            is_it.then(|| {
                path.file_name()
                    .map(|name| name.to_string_lossy().into_owned())
            })?
        });
        if let Some(segment) = segment {
            self.written.push(Written {
                segment,
                offset: from as u64,
                line,
            });
        }
    }
}
