#!lua
-- One commit call: compares every item with what is stored, then writes those that pass. It never calculates, except
-- that it adds to guards. Everything is compared before the first write, so an error leaves nothing behind.
--
-- KEYS  scope, journal, due, [head of each item that has one], [record of `once`], [other record], [guard]
-- ARGV  1 shape: a JSON array of numbers, for each item
--           has head [, expected version, bytes of its value, version]
--           once, puts, [is the record one of once, bytes, keep until or 0, due at or 0, may it have been due]
--           deletes, entries, [bytes], guards, [index among the guards, delta, floor, keep until or 0]
--         The records of `once` come first in the item's share of its kind; a put of one names its place among them.
--       2 text: the values of heads and records in their order, then the entries in theirs
--       3 bytes of the text's first part
--       4 lengths of all entries, joined by commas: what the journal needs where every item passes
--       5 bytes of the prefix of record keys; 6 number of heads; 7 of records of `once`; 8 of other records
--
-- Returns the number of items where all were committed, else for each item
--   0 | {1, head as stored or ''} | {2, place in once, value, ...} | {3, index of the guard, its value}

local scope = redis.call('HMGET', KEYS[1], 'open', 'last')
if scope[1] ~= '1' then
  return redis.error_reply('FENCED the partition is not open under this epoch')
end

local shape, text = cjson.decode(ARGV[1]), ARGV[2]
local heads, onces, others = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local call, sub, format = redis.call, string.sub, string.format

-- Lua's stack takes some eight thousand arguments of one call.
local most = 4000

local function read(first, last)
  if last - first < most then
    if last < first then return {} end
    return call('MGET', unpack(KEYS, first, last))
  end
  local found = {}
  for start = first, last, most do
    local stop = math.min(start + most - 1, last)
    local part = call('MGET', unpack(KEYS, start, stop))
    for index = 1, stop - start + 1 do found[start - first + index] = part[index] end
  end
  return found
end

local stored = read(4, 3 + heads + onces)
local firstGuard = 4 + heads + onces + others
local guards = read(firstGuard, #KEYS)

local at, valueAt, entryAt = 1, 1, tonumber(ARGV[3]) + 1
local headAt, onceAt, otherAt = 1, 1, 1
local sets, expiring, gone, due, notDue = {}, {}, {}, {}, {}
local moved, keeps, refusedAny, results = {}, {}, false, {}
local entryParts, entryLengths, items = {}, {}, 0

local function objection(item)
  if item.found then return item.found end
  if item.conflict then return {1, item.current or ''} end
  local own = {}
  for _, guard in ipairs(item.guards) do
    local index, delta, floor = guard[1], guard[2], guard[3]
    local value = own[index] or moved[index] or tonumber(guards[index] or '0')
    if delta < 0 and value + delta < floor then return {3, index, format('%.0f', value)} end
    own[index] = value + delta
  end
  for index, value in pairs(own) do moved[index] = value end
  for _, guard in ipairs(item.guards) do
    if guard[4] > 0 then keeps[guard[1]] = guard[4] end
  end
  return nil
end

local function take()
  local value = shape[at]
  at = at + 1
  return value
end

local noGuards = {}

while at <= #shape do
  items = items + 1
  local item = {guards = noGuards}
  local headKey, headValue
  if take() == 1 then
    local expected, bytes = take(), take()
    headKey, headValue = KEYS[3 + headAt], sub(text, valueAt, valueAt + bytes - 1)
    valueAt = valueAt + bytes
    local current = stored[headAt]
    headAt = headAt + 1
    if expected == 0 then
      item.conflict = current ~= false and current ~= nil
    else
      local prefix = format('%.0f:', expected)
      item.conflict = not current or sub(current, 1, #prefix) ~= prefix
    end
    item.current = current
  end

  local onceCount, puts = take(), take()
  local onceFirst = onceAt
  for place = 1, onceCount do
    local value = stored[heads + onceAt]
    onceAt = onceAt + 1
    if value then
      item.found = item.found or {2}
      table.insert(item.found, place)
      table.insert(item.found, value)
    end
  end
  local putsAt, putsValueAt, putsOtherAt = at, valueAt, otherAt
  for index = 0, puts - 1 do
    if shape[putsAt + index * 5] == 0 then otherAt = otherAt + 1 end
    valueAt = valueAt + shape[putsAt + index * 5 + 1]
  end
  at = at + puts * 5

  local deletes = take()
  local deletesAt = otherAt
  otherAt = otherAt + deletes

  local entries = take()
  local entriesAt, entryStart = at, entryAt
  for index = 0, entries - 1 do entryAt = entryAt + shape[at + index] end
  at = at + entries

  local guardCount = take()
  if guardCount > 0 then
    item.guards = {}
    for index = 1, guardCount do item.guards[index] = {take(), take(), take(), take()} end
  end

  local refused = objection(item)
  if refused then
    refusedAny = true
    results[items] = refused
  else
    results[items] = 0
    if headKey then
      sets[#sets + 1] = headKey
      sets[#sets + 1] = headValue
    end
    for index = 0, puts - 1 do
      local put = putsAt + index * 5
      local place, bytes, keepUntil, dueAt, wasDue = shape[put], shape[put + 1], shape[put + 2], shape[put + 3], shape[put + 4]
      local key
      if place > 0 then
        key = KEYS[3 + heads + onceFirst + place - 1]
      else
        key = KEYS[3 + heads + onces + putsOtherAt]
        putsOtherAt = putsOtherAt + 1
      end
      local value = sub(text, putsValueAt, putsValueAt + bytes - 1)
      putsValueAt = putsValueAt + bytes
      if keepUntil > 0 and dueAt == 0 then
        expiring[#expiring + 1] = {key, value, keepUntil}
      else
        sets[#sets + 1] = key
        sets[#sets + 1] = value
      end
      if dueAt > 0 then
        due[#due + 1] = format('%.0f', dueAt)
        due[#due + 1] = sub(key, ARGV[5] + 1)
      elseif wasDue == 1 then
        notDue[#notDue + 1] = sub(key, ARGV[5] + 1)
      end
    end
    for index = 0, deletes - 1 do
      local key = KEYS[3 + heads + onces + deletesAt + index]
      gone[#gone + 1] = key
      notDue[#notDue + 1] = sub(key, ARGV[5] + 1)
    end
    if entries > 0 then
      entryParts[#entryParts + 1] = {entryStart, entryAt - 1}
      for index = 0, entries - 1 do entryLengths[#entryLengths + 1] = shape[entriesAt + index] end
    end
  end
end

local function write(command, key, arguments)
  for start = 1, #arguments, most do
    local stop = math.min(start + most - 1, #arguments)
    if key then call(command, key, unpack(arguments, start, stop)) else call(command, unpack(arguments, start, stop)) end
  end
end

write('MSET', nil, sets)
for _, put in ipairs(expiring) do call('SET', put[1], put[2], 'PXAT', format('%.0f', put[3])) end
write('DEL', nil, gone)
write('ZADD', KEYS[3], due)
write('ZREM', KEYS[3], notDue)
for index, value in pairs(moved) do
  call('INCRBY', KEYS[firstGuard + index - 1], format('%.0f', value - tonumber(guards[index] or '0')))
  if keeps[index] then call('PEXPIREAT', KEYS[firstGuard + index - 1], format('%.0f', keeps[index])) end
end

if #entryLengths > 0 then
  local lengths, block = ARGV[4], nil
  if refusedAny then
    local parts = {}
    for index, part in ipairs(entryParts) do parts[index] = sub(text, part[1], part[2]) end
    lengths, block = table.concat(entryLengths, ','), table.concat(parts)
  else
    block = sub(text, tonumber(ARGV[3]) + 1)
  end
  local last = format('%.0f', tonumber(scope[2] or '0') + #entryLengths)
  call('XADD', KEYS[2], last .. '-0', 'l', lengths, 'v', block)
  call('HSET', KEYS[1], 'last', last)
end

if refusedAny then return results end
return items
