# Forecasts by R's package `forecast`, for check_forecasts.py: reads series as JSON, writes forecasts as JSON.
# The benchmarks of the M4 competition are computed as they are defined: Naive2's test of the season, classical
# multiplicative decomposition, a method for series without a season, and nothing below zero.

suppressMessages({
  library(forecast)
  library(jsonlite)
})

has_season <- function(y, m) {
  n <- length(y)
  if (m == 1 || n < 3 * m) return(FALSE)
  r <- acf(y, plot = FALSE, lag.max = m)$acf[-1, 1, 1]
  abs(r[m]) > 1.645 * sqrt((1 + 2 * sum(r[-m]^2)) / n)
}

theta_classic <- function(y, h) {
  t <- seq_along(y)
  line <- lm(y ~ t)
  ahead <- predict(line, newdata = data.frame(t = length(y) + seq_len(h)))
  doubled <- ts(2 * y - fitted(line))
  (ses(doubled, h = h)$mean + ahead) / 2
}

benchmarks <- function(y, h) {
  m <- frequency(y)
  index <- rep(1, h)
  adjusted <- y
  if (has_season(y, m)) {
    parts <- decompose(y, type = "multiplicative")
    adjusted <- y / parts$seasonal
    index <- rep(tail(parts$seasonal, m), length.out = h)
  }
  f1 <- naive(adjusted, h = h)$mean
  f2 <- ses(adjusted, h = h)$mean
  straight <- holt(adjusted, h = h, damped = FALSE)
  damped <- holt(adjusted, h = h, damped = TRUE)
  f3 <- straight$mean
  f4 <- damped$mean
  f5 <- theta_classic(as.numeric(adjusted), h)
  up <- function(f) pmax(as.numeric(f) * index, 0)
  list(naive2 = up(f1), ses = up(f2), holt = up(f3), damped = up(f4), theta = up(f5), comb = up((f2 + f3 + f4) / 3),
       `holt-fit` = list(log_likelihood = straight$model$loglik),
       `damped-fit` = list(log_likelihood = damped$model$loglik))
}

arguments <- commandArgs(trailingOnly = TRUE)
input <- fromJSON(arguments[1], simplifyVector = FALSE)
out <- list()
for (one in input$series) {
  y <- ts(unlist(one$train), frequency = input$season)
  h <- input$horizon
  found <- benchmarks(y, h)
  found$naive <- as.numeric(naive(y, h = h)$mean)
  found$`seasonal-naive` <- as.numeric(snaive(y, h = h)$mean)
  found$drift <- as.numeric(rwf(y, h = h, drift = TRUE)$mean)
  if (input$ets) {
    fit <- ets(y)
    found$ets <- as.numeric(forecast(fit, h = h, PI = FALSE)$mean)
    out[[paste0(one$id, "/details")]] <- list(form = fit$method, aicc = fit$aicc, log_likelihood = fit$loglik)
  }
  if (length(input$seasons) > 1) {
    several <- msts(unlist(one$train), seasonal.periods = unlist(input$seasons))
    found$mstl <- as.numeric(stlf(several, h = h, method = "ets")$mean)
  }
  out[[one$id]] <- found
}
write_json(out, arguments[2], digits = NA, auto_unbox = TRUE)
