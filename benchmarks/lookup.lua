-- wrk's side of `serve.py`: send each of the targets in a file in turn; print what was measured.

local requests, at = {}, 0

function init(arguments)
  for target in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("GET", target, { Accept = "application/sparql-results+json" })
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local failed = summary.errors
  io.write(string.format(
    '\n{"n": %d, "duration_us": %d, "median_us": %d, "p95_us": %d, "n_failed": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(95),
    failed.connect + failed.read + failed.write + failed.status + failed.timeout
  ))
end
