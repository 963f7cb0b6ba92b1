-- Every change of the shared state, as one script: each call is one atomic step.
--
-- KEYS[1]  hash of the whole store (`meta`): run, settings, default, and counters
-- ARGV     run, prefix of the other keys, limits, a given time or "", operation, its arguments
--
-- The prefix has the run in it: if all replicas were stopped and other settings begin a new run,
-- the old keys are never read again and expire. Times are in microseconds. Every key that is
-- written gets a new expiry.

local META = KEYS[1]
local RUN, P = ARGV[1], ARGV[2]
local LIMITS = cjson.decode(ARGV[3])
local GIVEN = ARGV[4]
local LOOSE, PROTECTED, ENDS, LOST = P .. 'loose', P .. 'protected', P .. 'ends', P .. 'lost'
local HELD, WEIGHT, WENT, PENDING = P .. 'held', P .. 'weight', P .. 'went', P .. 'pending'
local SIZES = P .. 'sizes'
local NAMES_KEPT = 100000 -- names of dropped namespaces that are remembered
local TELLING = 10 * 1000000 -- until all replicas have told which namespaces were lost with a run
local A = {unpack(ARGV, 6)}

local touched = {}
local function read(...) return redis.call(...) end
local function write(command, key, ...)
  touched[key] = true
  return redis.call(command, key, ...)
end
local function number(value) return tonumber(value or 0) or 0 end
local function text(value) return string.format('%.0f', value) end
local function of(name, part) return P .. '{' .. name .. '}' .. (part or '') end

-- Wall time, and a steady time that never steps back. If the server's clock steps back, the
-- steady time continues from where it was.
local function times()
  if GIVEN ~= '' then return tonumber(GIVEN), tonumber(GIVEN) end
  local now = redis.call('TIME')
  local wall = now[1] * 1000000 + now[2]
  local kept = read('HMGET', META, 'last', 'behind')
  local last, behind = number(kept[1]), number(kept[2])
  if wall + behind < last then
    behind = last - wall
    write('HSET', META, 'behind', text(behind))
  end
  write('HSET', META, 'last', text(wall + behind))
  return wall, wall + behind
end

-- Namespaces ---------------------------------------------------------------------------------

local function mark_lost(name)
  write('ZADD', LOST, write('HINCRBY', META, 'uses', 1), name)
  if read('ZCARD', LOST) > NAMES_KEPT then write('ZPOPMIN', LOST) end
end

-- Whether state of this namespace was lost: dropped, expired, or gone with the whole store.
local function is_lost(name, wall)
  if read('ZSCORE', LOST, name) then return true end
  if read('EXISTS', of(name)) == 1 then return false end
  if read('ZSCORE', PROTECTED, name) then return true end
  local gone = read('HGET', META, 'lost_at')
  return gone and wall - gone < TELLING
end

local function drop(name)
  write('DEL', of(name), of(name, ':bodies'), of(name, ':order'))
  write('ZREM', LOOSE, name)
  write('ZREM', PROTECTED, name)
  write('ZREM', ENDS, name)
  write('HDEL', SIZES, name)
end

local function make_room(wall)
  local name = read('ZRANGE', LOOSE, 0, 0)[1]
  name = name or read('ZRANGEBYSCORE', ENDS, '-inf', text(wall), 'LIMIT', 0, 1)[1]
  if not name then
    name = read('ZRANGE', PROTECTED, 0, 0)[1]
    local used = read('HGET', of(name), 'used')
    if used and wall - used < LIMITS.idle then return false end
    mark_lost(name)
  end
  drop(name)
  write('HINCRBY', META, 'evicted', 1)
  return true
end

-- Make sure that a namespace exists and mark it as just used. False if there is no room for it.
local function enter(name, wall)
  if read('EXISTS', of(name)) == 0 then
    local lost = is_lost(name, wall)
    drop(name)
    if read('ZCARD', LOOSE) + read('ZCARD', PROTECTED) >= LIMITS.namespaces then
      if not make_room(wall) then return false end
    end
    if lost then mark_lost(name) end
  end
  local set = read('ZSCORE', PROTECTED, name) and PROTECTED or LOOSE
  write('ZADD', set, write('HINCRBY', META, 'uses', 1), name)
  write('HSET', of(name), 'used', text(wall))
  return true
end

-- `ends` is "" for a namespace that may be dropped, "inf" for one that may not, or a time.
local function protect(name, ends)
  local from, to = PROTECTED, LOOSE
  if ends ~= '' then from, to = LOOSE, PROTECTED end
  local score = read('ZSCORE', from, name)
  if score then
    write('ZREM', from, name)
    write('ZADD', to, score, name)
  end
  if ends == '' or ends == 'inf' then write('ZREM', ENDS, name)
  else write('ZADD', ENDS, ends, name) end
end

local function keep(name, body, counter)
  local bodies, order = of(name, ':bodies'), of(name, ':order')
  local is_new = write('HSET', bodies, body, counter) == 1
  if is_new and read('HLEN', bodies) > LIMITS.bodies then
    local dropped = write('ZPOPMIN', order)[1]
    if cjson.decode(read('HGET', bodies, dropped))[1] > 0 then mark_lost(name) end
    write('HDEL', bodies, dropped)
    write('HINCRBY', of(name), 'forgotten', 1)
  end
  write('ZADD', order, write('HINCRBY', META, 'uses', 1), body)
end

local function look(name, body)
  local wall, steady = times()
  local kept = read('HMGET', of(name), 'state', 'forgotten')
  local counter = body ~= '' and read('HGET', of(name, ':bodies'), body)
  local default = read('HGET', META, 'default')
  return {kept[1], counter, default, text(wall), text(steady), kept[2],
    is_lost(name, wall) and 1 or 0}
end

-- Journal ------------------------------------------------------------------------------------

-- Arrival, ticket, times, body, decision, end, size.
local FIELDS = {'a', 'k', 't', 'r', 'd', 'f', 's'}

local function weigh(name, records, bytes)
  if number(write('ZINCRBY', HELD, records, name)) <= 0 then write('ZREM', HELD, name) end
  if number(write('ZINCRBY', WEIGHT, bytes, name)) <= 0 then write('ZREM', WEIGHT, name) end
  write('HINCRBY', META, 'records', records)
  write('HINCRBY', META, 'bytes', bytes)
end

local function went(name, records)
  if read('HEXISTS', WENT, name) == 1 or read('HLEN', WENT) < NAMES_KEPT then
    write('HINCRBY', WENT, name, records)
  else
    write('HINCRBY', META, 'went_of_others', records)
  end
end

-- Count the records of a namespace as dropped if the keys that held them have expired.
local function recount(name)
  local records = number(read('ZSCORE', HELD, name))
  if records > 0 and read('EXISTS', of(name, ':numbers')) == 0 then
    weigh(name, -records, -number(read('ZSCORE', WEIGHT, name)))
    went(name, records)
  end
end

local function drop_oldest(name)
  recount(name)
  local oldest = write('LPOP', of(name, ':numbers'))
  if not oldest then return end
  weigh(name, -1, -number(read('HGET', of(name, ':journal'), oldest .. 's')))
  for _, field in ipairs(FIELDS) do write('HDEL', of(name, ':journal'), oldest .. field) end
  write('SREM', of(name, ':pending'), oldest)
  write('SREM', PENDING, oldest)
  went(name, 1)
  write('HINCRBY', META, 'dropped', 1)
end

local function shrink()
  while number(read('HGET', META, 'records')) > LIMITS.records do
    drop_oldest(read('ZREVRANGE', HELD, 0, 0)[1])
  end
  while number(read('HGET', META, 'bytes')) > LIMITS.bytes do
    local most = read('ZREVRANGE', WEIGHT, 0, 0)[1]
    if not most then return end
    drop_oldest(most)
  end
end

-- Add a part of a record, unless the record was dropped.
local function add(name, record, field, part, size)
  local journal = of(name, ':journal')
  if read('HEXISTS', journal, record .. 'a') == 0 then return false end
  write('HSET', journal, record .. field, part)
  if size > 0 then
    write('HINCRBY', journal, record .. 's', size)
    weigh(name, 0, size)
  end
  return true
end

-- Deletes first: a full Redis allows other writes only after that.
local function clear(name)
  local pending = read('SMEMBERS', of(name, ':pending'))
  write('DEL', of(name, ':journal'), of(name, ':numbers'), of(name, ':pending'))
  local records = number(read('ZSCORE', HELD, name))
  if records > 0 then weigh(name, -records, -number(read('ZSCORE', WEIGHT, name))) end
  for _, each in ipairs(pending) do write('SREM', PENDING, each) end
  write('HDEL', WENT, name)
end

-- Operations ---------------------------------------------------------------------------------

local operations = {}

function operations.look(name, body) return look(name, body) end

-- Enter a request into the journal, and read the state that its decision depends on. If the reply
-- is lost, `ticket` finds the record again.
function operations.arrive(name, body, arrival, ticket, part, size)
  local found = look(name, body)
  local record = write('HINCRBY', META, 'number', 1)
  local came = write('HINCRBY', META, 'events', 1)
  local journal = of(name, ':journal')
  recount(name)
  write('RPUSH', of(name, ':numbers'), record)
  write('HSET', journal, record .. 'a', arrival, record .. 'k', ticket, record .. 's', size,
    record .. 't', cjson.encode({found[4], found[5], came}))
  if part ~= '' then write('HSET', journal, record .. 'r', part) end
  write('SADD', of(name, ':pending'), record)
  write('SADD', PENDING, record)
  weigh(name, 1, number(size))
  shrink()
  found[8] = record
  return found
end

-- Compare and set: replace state and counter if both are as they were read. `rewound` says that
-- the counters are of an earlier story. `scenario` is the text of an installed scenario, "" for
-- none, or "=" for the same as before. `part` and `decision` go to the journal.
function operations.settle(name, body, state, counter, next_state, next_counter, ends, rewound,
    scenario, record, part, decision, size)
  local found = look(name, body)
  if (found[1] or '') ~= state or (found[2] or '') ~= counter then return found end
  if not enter(name, tonumber(found[4])) then return 'full' end
  local key = of(name)
  write('HSET', key, 'state', next_state)
  if scenario ~= '=' then
    if scenario == '' then
      write('HDEL', key, 'scenario')
      write('HDEL', SIZES, name)
    else
      write('HSET', key, 'scenario', scenario)
      write('HSET', SIZES, name, #scenario)
    end
  end
  if rewound == '1' then
    write('DEL', of(name, ':bodies'), of(name, ':order'))
    write('HDEL', key, 'forgotten')
    write('ZREM', LOST, name)
    counter = ''
  end
  if body ~= '' and next_counter ~= counter then keep(name, body, next_counter) end
  protect(name, ends)
  for _, part in ipairs({':bodies', ':order', ':journal', ':numbers', ':pending'}) do
    touched[of(name, part)] = true
  end
  if record ~= '' then
    if part ~= '' then add(name, record, 'r', part, 0) end
    add(name, record, 'd', decision, number(size))
    shrink()
  end
  return 'done'
end

-- Replace the counter of a body if it is as it was read; else return the counter that is there now.
function operations.revise(name, body, before, after)
  local found = read('HGET', of(name, ':bodies'), body)
  if found ~= before then return found end
  write('HSET', of(name, ':bodies'), body, after)
  return 'done'
end

local function number_of(name, ticket)
  for _, record in ipairs(read('SMEMBERS', of(name, ':pending'))) do
    if read('HGET', of(name, ':journal'), record .. 'k') == ticket then return record end
  end
end

-- Complete a record. If its number is not known, `record` is "" and the ticket finds it. A complete
-- record has no ticket any more, so a second try (`again`) changes nothing if the first one was
-- run. `change` is "0" after a delivered success: attempts count from 1 again. If a success was
-- counted but not delivered, `change` is the number of attempts to restore.
function operations.finish(name, body, record, ticket, again, part, decision, size, outcome, tokens,
    change, story, call)
  if record == '' or again == '1' then record = number_of(name, ticket) end
  if not record then return 'unknown' end
  local _, steady = times()
  if part ~= '' then add(name, record, 'r', part, 0) end
  if decision ~= '' then add(name, record, 'd', decision, number(size)) end
  local over = write('HINCRBY', META, 'events', 1)
  add(name, record, 'f', cjson.encode({outcome, text(steady), over, tokens}), 0)
  write('HDEL', of(name, ':journal'), record .. 'k')
  write('SREM', of(name, ':pending'), record)
  write('SREM', PENDING, record)
  shrink()
  local counter = change ~= '' and read('HGET', of(name, ':bodies'), body)
  if counter then
    local now = cjson.decode(counter)
    if change == '0' then now[1] = 0
    elseif now[3] == tonumber(story) and now[4] == tonumber(call) then now[1] = now[1] + change end
    write('HSET', of(name, ':bodies'), body, cjson.encode(now))
  end
  return 'done'
end

-- Replace the default if it is as it was read; else return the one that is there now.
function operations.default(before, after, scenario, everyone)
  local found = read('HGET', META, 'default')
  if found ~= before then return found end
  write('HSET', META, 'default', after)
  if scenario == '' then write('HDEL', META, 'scenario')
  elseif scenario ~= '=' then write('HSET', META, 'scenario', scenario) end
  if everyone == '1' then
    write('ZUNIONSTORE', LOOSE, 2, LOOSE, PROTECTED)
    write('DEL', PROTECTED, ENDS, LOST)
    write('HDEL', META, 'lost_at')
  end
  return 'done'
end

function operations.forget(name)
  drop(name)
  write('ZREM', LOST, name)
  return 'done'
end

function operations.lost(...)
  for _, name in ipairs({...}) do mark_lost(name) end
  return 'done'
end

function operations.counts()
  local kept = read('HMGET', META, 'evicted', 'records', 'dropped', 'went_of_others', 'lost_at')
  local wall = times()
  local lost = read('ZCARD', LOST)
  if kept[5] and wall - kept[5] < TELLING then lost = lost + 1 end
  local sum = number(read('HSTRLEN', META, 'scenario'))
  for _, size in ipairs(read('HVALS', SIZES)) do sum = sum + size end
  return {read('ZCARD', LOOSE) + read('ZCARD', PROTECTED), number(kept[1]), lost, sum,
    number(kept[2]), number(kept[3])}
end

-- The number of records that a namespace, or every one, has lost since it was cleared.
function operations.went(name)
  local others = number(read('HGET', META, 'went_of_others'))
  if name ~= '' then
    recount(name)
    local known = read('HGET', WENT, name)
    return known and number(known) or others
  end
  for _, each in ipairs(read('ZRANGE', HELD, 0, -1)) do recount(each) end
  local sum = others
  for _, each in ipairs(read('HVALS', WENT)) do sum = sum + each end
  return sum
end

-- Count requests that never got into the journal, because the store could not be used.
function operations.missed(name, records)
  if name ~= '' then went(name, records)
  else write('HINCRBY', META, 'went_of_others', records) end
  return 'done'
end

function operations.clear(name)
  if name ~= '' then
    clear(name)
    return 'done'
  end
  for _, each in ipairs(read('ZRANGE', HELD, 0, -1)) do clear(each) end
  write('DEL', WENT)
  write('HDEL', META, 'went_of_others')
  return 'done'
end

-- A replica begins or continues. `before` is the run that it took part in, or "".
function operations.join(member, until_, settings, default, scenario, before)
  local members = META .. ':members'
  local wall = times()
  write('ZREMRANGEBYSCORE', members, '-inf', text(wall))
  write('ZREM', members, member)
  local run = read('HGET', META, 'run')
  if run and read('HGET', META, 'settings') ~= settings then
    if read('ZCARD', members) > 0 then return {'other', read('HGET', META, 'settings')} end
    run = nil
  end
  local lost = before ~= '' and run ~= before
  if not run then
    run = RUN
    write('DEL', META)
    write('HSET', META, 'run', run, 'settings', settings, 'default', default)
    if scenario ~= '' then write('HSET', META, 'scenario', scenario) end
  end
  if lost then write('HSET', META, 'lost_at', text(wall)) end
  write('ZADD', members, wall + until_, member)
  return {'joined', run}
end

function operations.beat(member, until_)
  local wall = times()
  write('ZADD', META .. ':members', wall + until_, member)
  for _, key in ipairs({LOOSE, PROTECTED, ENDS, LOST, HELD, WEIGHT, WENT, PENDING, SIZES}) do
    touched[key] = true
  end
  return 'done'
end

function operations.leave(member)
  write('ZREM', META .. ':members', member)
  return 'done'
end

if ARGV[5] ~= 'join' and read('HGET', META, 'run') ~= RUN then return 'strange' end
local result = operations[ARGV[5]](unpack(A))
touched[META] = true
for key in pairs(touched) do redis.call('EXPIRE', key, LIMITS.ttl) end
return result
