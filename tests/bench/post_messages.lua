-- For wrk: posts messages, each with content of its own, and counts what was not answered 201.
--
--   wrk -t2 -c32 -d10s --latency -s post_messages.lua \
--       http://127.0.0.1:8080/messaging/conversations/ID/messages -- TOKEN
--
-- The durable POSTs per second are wrk's requests per second when `not 201` is 0.

local threads = {}

function setup(thread)
    table.insert(threads, thread)
end

function init(arguments)
    count = 0
    refused = 0
    headers = {
        ["Authorization"] = "Bearer " .. arguments[1],
        ["Content-Type"] = "application/json",
    }
end

function request()
    count = count + 1
    local body = string.format('{"content":"Bonjour, message numéro %d. À demain ?"}', count)
    return wrk.format("POST", nil, headers, body)
end

function response(status)
    if status ~= 201 then
        refused = refused + 1
    end
end

function done()
    local total = 0
    for _, thread in ipairs(threads) do
        total = total + thread:get("refused")
    end
    io.write(string.format("not 201: %d\n", total))
end
