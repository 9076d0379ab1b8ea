-- wrk's part of the load: each connection asks, waits, and asks again, so that the machine is busy but not saturated.
-- `WAIT` (milliseconds) comes from the environment. Ends with one line of JSON.
local wait = tonumber(os.getenv("WAIT") or "30")
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init()
  strange = 0
  first = ""
  last = ""
  releases = 0
end

function delay()
  return wait
end

function response(status, headers, body)
  local release = string.match(body or "", '"release":"([^"]+)"')
  if status ~= 200 or release == nil then
    strange = strange + 1
  elseif release ~= last then
    if first == "" then first = release end
    last = release
    releases = releases + 1
  end
end

function done(summary, latency)
  local strange = 0
  local releases = 0
  for _, thread in ipairs(threads) do
    strange = strange + thread:get("strange")
    releases = releases + thread:get("releases")
  end
  local e = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"microseconds":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d,"status":%d,"strange":%d,"changes":%d,"p50":%.0f,"p90":%.0f,"p99":%.0f,"p999":%.0f,"max":%.0f}\n',
    summary.requests, summary.duration, e.connect, e.read, e.write, e.timeout, e.status, strange, releases,
    latency:percentile(50), latency:percentile(90), latency:percentile(99), latency:percentile(99.9), latency.max))
end
