-- AGNT for Wireshark and tshark: the binary messages of docs/protocol.md, byte for byte.
--
--   tshark -X lua_script:docs/agnt.lua -r capture.pcap -Y agnt
--
-- or put the file into Wireshark's folder of personal Lua plugins. It is offered every binary
-- WebSocket message and takes those that begin with the magic, and from then on all of that
-- connection, so that malformed ones are seen too.
--
-- A frame that the protocol refuses is an expert error named after the kind in "Errors of decoding"
-- (agnt.malformed.count_mismatch), with the same offset, need and have. What lies in an encoded
-- payload is read as well; what is wrong there is a warning, since only its decoder refuses it.
-- It runs on Lua 5.2 to 5.4, so without operators on bits.

local agnt = Proto("agnt", "AGNT")

local COMPRESSED_BATCH, TEXT_MESSAGE = 0x05, 1
local HEADER_BYTES, COMPRESSED_HEAD_BYTES = 8, 9
-- More than this is not inflated: a capture is no place for a bomb.
local INFLATE_BYTES_MAX = 1048576

local types = {
  [0x01] = "POSITION_UPDATE", [0x02] = "STATE_BATCH", [0x03] = "PERFORMANCE_METRICS",
  [0x04] = "COORDINATION_EVENT", [0x05] = "COMPRESSED_BATCH", [0x06] = "HEARTBEAT",
  [0x10] = "TICK_INFO", [0x11] = "EDGE_BATCH", [0xFF] = "ERROR",
}
local priorities = { [0] = "normal", [1] = "low", [2] = "high", [3] = "critical" }
local states = {
  [0] = "offline", [1] = "starting", [2] = "idle", [3] = "busy", [4] = "error",
  [5] = "stopping", [6] = "paused",
}
local statuses = { [0] = "INITIATED", [1] = "VOTING", [2] = "APPROVED", [3] = "REJECTED", [4] = "TIMED_OUT" }
local patterns, roles = { [0] = "unspecified", [1] = "CONSENSUS" }, { [0] = "observer", [1] = "voter" }
local votes = { [0] = "pending", [1] = "approve", [2] = "reject", [3] = "abstain" }
local errors = {
  [1] = "CONNECTION_FAILED", [2] = "AUTH_FAILED", [3] = "INVALID_MESSAGE", [4] = "AGENT_NOT_FOUND",
  [5] = "COMMAND_FAILED", [6] = "RATE_LIMIT_EXCEEDED", [7] = "INTERNAL_ERROR",
}
local codecs = { [1] = "shuffle", [2] = "predict", [3] = "box", [4] = "fixed" }

local HEX = base.HEX

-- How a number is made a field, and its bytes.
local u8, u16, u32 = { ProtoField.uint8, 1 }, { ProtoField.uint16, 2 }, { ProtoField.uint32, 4 }
local u24, u64, f32 = { ProtoField.uint24, 3 }, { ProtoField.uint64, 8 }, { ProtoField.float, 4 }

local fields = {}

local function declare(field)
  fields[#fields + 1] = field
  return field
end

local function bytes(name, title) return declare(ProtoField.bytes(name, title)) end
local function text(name, title) return declare(ProtoField.string(name, title, base.UNICODE)) end
local function flag(name, title, mask) return declare(ProtoField.bool("agnt.flags." .. name, title, 8, nil, mask)) end

-- `shown` is HEX, or a table of names.
local function number(kind, name, title, shown, mask)
  if kind == f32 then return declare(ProtoField.float(name, title)) end
  local names = shown ~= HEX and shown or nil
  return declare(kind[1](name, title, shown == HEX and HEX or base.DEC, names, mask))
end

-- Numbers one behind the other, each a row of kind, name and title, under one item.
local function record(prefix, title, rows)
  local made = { item = declare(ProtoField.none(prefix, title)), bytes = 0 }
  for index, row in ipairs(rows) do
    local kind, name, row_title, shown = table.unpack(row)
    made[index] = { number(kind, prefix .. "." .. name, row_title, shown), kind[2] }
    made.bytes = made.bytes + kind[2]
  end
  return made
end

local magic_field = text("agnt.magic", "Magic")
local type_field = number(u8, "agnt.type", "Type", types)
local flags_field = number(u8, "agnt.flags", "Flags", HEX)
local flag_fields = {
  flag("compressed", "Compressed", 0x01), number(u8, "agnt.flags.priority", "Priority", priorities, 0x06),
  flag("more", "More of the tick follow", 0x08), flag("keyframe", "Belongs to a state tick", 0x10),
  flag("has_channel", "Has a channel", 0x20), flag("codec", "In a codec", 0x40),
  flag("ext_length", "Extended length", 0x80),
}
local length_field = number(u16, "agnt.length", "Length")
local encoded_field = bytes("agnt.encoded", "Encoded payload")
local unknown_field = bytes("agnt.unknown", "Payload of an unknown type")
local channel_field = number(u16, "agnt.channel", "Channel")
local original_field = number(u32, "agnt.original_bytes", "Bytes before compression")
local data_field = bytes("agnt.data", "Compressed data")
local count_field = number(u32, "agnt.count", "Count")

local position = record("agnt.position", "Position", {
  { u32, "id", "Agent" }, { f32, "x", "x" }, { f32, "y", "y" }, { f32, "z", "z" },
  { f32, "vx", "vx" }, { f32, "vy", "vy" }, { f32, "vz", "vz" },
})
local state = record("agnt.state", "State", {
  { u32, "id", "Agent" }, { u8, "code", "State", states }, { u8, "flags", "Flags", HEX },
})
local metadata_bytes_field = number(u16, "agnt.state.metadata_bytes", "Bytes of metadata")
local json_field = text("agnt.state.json", "Metadata, JSON")
local cbor_field = bytes("agnt.state.cbor", "Metadata, CBOR")
local metrics = record("agnt.metrics", "Metrics", {
  { u32, "id", "Agent" }, { u32, "tasks", "Tasks completed" }, { f32, "success", "Success, share" },
  { f32, "average_ms", "Average, ms" }, { f32, "cpu_percent", "CPU, percent" },
  { u64, "memory_bytes", "Memory, bytes" },
})
local coordination = record("agnt.coordination", "Coordination", {
  { u32, "id", "Coordination" }, { u8, "pattern", "Pattern", patterns }, { u8, "status", "Status", statuses },
  { u16, "participants", "Participants" }, { f32, "progress", "Progress, share" },
  { u32, "initiator", "Initiator" },
})
local participant = record("agnt.participant", "Participant", {
  { u32, "id", "Agent" }, { u8, "role", "Role", roles }, { u8, "vote", "Vote", votes },
  { u16, "reserved", "Reserved" },
})
local stamps = record("agnt.heartbeat", "Stamps", {
  { u64, "client_send_us", "Client send, us" }, { u64, "server_receive_us", "Server receive, us" },
  { u64, "server_send_us", "Server send, us" }, { u32, "displayed_tick", "Displayed tick" },
  { u32, "client_flags", "Client flags", HEX },
})
local tick = record("agnt.tick", "Tick", {
  { u32, "number", "Number" }, { u32, "epoch", "Epoch" }, { u64, "server_us", "Server time, us since 1970" },
})
local edge = record("agnt.edge", "Edge", {
  { u32, "source", "From" }, { u32, "target", "To" }, { f32, "weight", "Weight" }, { f32, "rate", "Rate" },
})
local error_head = record("agnt.error", "Error", {
  { u16, "code", "Code", errors }, { u8, "recoverable", "Recoverable" }, { u8, "reserved", "Reserved" },
  { u32, "reference", "Reference" }, { u16, "text_bytes", "Bytes of text" },
})
local text_field = text("agnt.error.text", "Text")

local codec_field = number(u8, "agnt.codec", "Codec", codecs)
local coded_field = bytes("agnt.codec.records", "Records in the codec")
local shuffle_head = record("agnt.shuffle", "Shuffle", {
  { u8, "codec", "Codec", codecs }, { u24, "reserved", "Reserved" },
  { u32, "count", "Records" },
})
local box_head = record("agnt.box", "Box", {
  { u8, "codec", "Codec", codecs }, { u24, "reserved", "Reserved" },
  { u32, "count", "Records" },
  { f32, "minimum_x", "Minimum x" }, { f32, "minimum_y", "Minimum y" }, { f32, "minimum_z", "Minimum z" },
  { f32, "position_step", "Position step" }, { f32, "velocity_step", "Velocity step" },
  { f32, "position_error", "Position error, at most" }, { f32, "velocity_error", "Velocity error, at most" },
})
local residual_head = record("agnt.residual", "Residuals", {
  { u8, "codec", "Codec", codecs }, { u8, "bits", "Bits: 1 key, 2 first", HEX }, { u16, "runs", "Runs" },
  { u32, "sequence", "Sequence" }, { u32, "count", "Records" }, { u32, "assignments", "Assignments" },
  { f32, "a", "Weight of the old velocity, s" }, { f32, "b", "Weight of the new velocity, s" },
  { f32, "position_step", "Position step" }, { f32, "velocity_step", "Velocity step" },
})
agnt.fields = fields

local unfit = ProtoExpert.new("agnt.unfit", "The encoded payload isn't what it says",
  expert.group.PROTOCOL, expert.severity.WARN)
local kinds, experts = {}, { unfit }
for kind, title in pairs({
  Partial = "The frame ends too early",
  BadMagic = "No frame begins here",
  ReversedMagic = "The magic was written as a little-endian number",
  LengthExtended = "Extended lengths are refused",
  CountMismatch = "The count and the length disagree",
  LengthMismatch = "The length doesn't fit the type",
  RecordCutShort = "The record ends too early",
  RecordFlagsUnknown = "The record's flags aren't defined",
  ValueUnknown = "The value isn't defined",
  ReservedNotZero = "A reserved field is used",
  MetadataNotUtf8 = "The metadata isn't UTF-8",
  TextNotUtf8 = "The text isn't UTF-8",
  TrailingBytes = "Bytes follow where none belong",
}) do
  local name = "agnt.malformed" .. kind:gsub("%u", "_%0"):lower():gsub("^_", ".")
  kinds[kind] = ProtoExpert.new(name, title, expert.group.MALFORMED, expert.severity.ERROR)
  experts[#experts + 1] = kinds[kind]
end

agnt.experts = experts

-- Ends the walk over a message: the frame is refused.
local function refuse(kind, offset, need, have)
  error({ kind = kind, offset = offset, need = need, have = have }, 0)
end

-- An encoded payload isn't what it says; the walk goes on behind its frame.
local function warn(tree, what) tree:add_proto_expert_info(unfit, what) end

-- Calls what may refuse. Any other error is a mistake of this script, and Wireshark shows it as such.
local function attempt(call, ...)
  local fine, result = pcall(call, ...)
  if fine then return result, nil end
  if type(result) ~= "table" then error(result, 0) end
  return nil, result
end

-- One well-formed UTF-8 sequence each, and a run of ASCII.
local sequences = {
  "^[\0-\127]+", "^[\194-\223][\128-\191]", "^\224[\160-\191][\128-\191]",
  "^[\225-\236\238\239][\128-\191][\128-\191]", "^\237[\128-\159][\128-\191]",
  "^\240[\144-\191][\128-\191][\128-\191]", "^[\241-\243][\128-\191][\128-\191][\128-\191]",
  "^\244[\128-\143][\128-\191][\128-\191]",
}

-- How many leading bytes of a text are UTF-8.
local function leading_utf8(content)
  local at, before = 1, 0
  while at > before do
    before = at
    for _, sequence in ipairs(sequences) do
      local _, last = content:find(sequence, at)
      if last then at = last + 1 end
    end
  end
  return at - 1
end

local function add_text(tree, field, kind, tvb, at, length)
  local valid = length > 0 and leading_utf8(tvb(at, length):raw()) or 0
  if valid < length then refuse(kind, at, length, valid) end
  tree:add_packet_field(field, tvb(at, length), ENC_UTF_8)
end

-- The numbers of a record as they lie from `at` on; returns where they end.
local function add_numbers(tree, tvb, at, of)
  for _, entry in ipairs(of) do
    tree:add_le(entry[1], tvb(at, entry[2]))
    at = at + entry[2]
  end
  return at
end

-- An item for `length` bytes, named after the u32 that they begin with.
local function add_item(tree, tvb, at, length, of)
  local item = tree:add(of.item, tvb(at, length))
  item:append_text(" " .. tvb(at, 4):le_uint())
  return item
end

-- Records one behind the other; returns where they end.
local function add_records(tree, tvb, at, count, of)
  for _ = 1, count do
    add_numbers(add_item(tree, tvb, at, of.bytes, of), tvb, at, of)
    at = at + of.bytes
  end
  return at
end

local function add_count(tree, tvb, at, length)
  if length < 4 then refuse("LengthMismatch", at, 4, length) end
  tree:add_le(count_field, tvb(at, 4))
  return tvb(at, 4):le_uint()
end

-- A u32 count and as many records.
local function counted(of)
  return function(tvb, at, length, tree)
    local count = add_count(tree, tvb, at, length)
    if count * of.bytes + 4 ~= length then refuse("CountMismatch", at, count * of.bytes + 4, length) end
    add_records(tree, tvb, at + 4, count, of)
  end
end

-- Numbers of a fixed length, and nothing else; or no byte at all, where that is allowed.
local function exactly(of, may_be_empty)
  return function(tvb, at, length, tree)
    if length == 0 and may_be_empty then return end
    if length ~= of.bytes then refuse("LengthMismatch", at, of.bytes, length) end
    add_numbers(tree, tvb, at, of)
  end
end

local function metrics_payload(tvb, at, length, tree)
  if length % metrics.bytes == 4 then return counted(metrics)(tvb, at, length, tree) end
  local count = math.ceil(length / metrics.bytes)
  if count * metrics.bytes ~= length then refuse("LengthMismatch", at, count * metrics.bytes, length) end
  add_records(tree, tvb, at, count, metrics)
end

local function expect_record(at, need, stop)
  if stop - at < need then refuse("RecordCutShort", at, need, stop - at) end
end

-- The state record at `at`; returns where it ends.
local function add_state(tree, tvb, at, stop)
  expect_record(at, state.bytes, stop)
  local flags = tvb(at + 5, 1):uint()
  local known = flags % 4 == 2 and 0 or flags % 4
  if flags ~= known then refuse("RecordFlagsUnknown", at + 5, known, flags) end
  if flags == 0 then return add_records(tree, tvb, at, 1, state) end
  expect_record(at, 8, stop)
  local metadata_bytes = tvb(at + 6, 2):le_uint()
  expect_record(at, 8 + metadata_bytes, stop)
  local item = add_item(tree, tvb, at, 8 + metadata_bytes, state)
  add_numbers(item, tvb, at, state)
  item:add_le(metadata_bytes_field, tvb(at + 6, 2))
  if flags == 3 then
    item:add(cbor_field, tvb(at + 8, metadata_bytes))
  else
    add_text(item, json_field, "MetadataNotUtf8", tvb, at + 8, metadata_bytes)
  end
  return at + 8 + metadata_bytes
end

local function states_payload(tvb, at, length, tree)
  local count = add_count(tree, tvb, at, length)
  if count * state.bytes + 4 > length then refuse("CountMismatch", at, count * state.bytes + 4, length) end
  local where, stop = at + 4, at + length
  for _ = 1, count do where = add_state(tree, tvb, where, stop) end
  if where < stop then refuse("TrailingBytes", where, 0, stop - where) end
end

local function coordination_payload(tvb, at, length, tree)
  if length < coordination.bytes then refuse("LengthMismatch", at, coordination.bytes, length) end
  local count = tvb(at + 6, 2):le_uint()
  local need = coordination.bytes + count * participant.bytes
  if need ~= length then refuse("CountMismatch", at + 6, need, length) end
  local where = add_numbers(tree, tvb, at, coordination)
  for _ = 1, count do
    local reserved = tvb(where + 6, 2):le_uint()
    if reserved > 0 then refuse("ReservedNotZero", where + 6, 0, reserved) end
    where = add_records(tree, tvb, where, 1, participant)
  end
end

local function error_payload(tvb, at, length, tree)
  if length < error_head.bytes then refuse("LengthMismatch", at, error_head.bytes, length) end
  local need = error_head.bytes + tvb(at + 8, 2):le_uint()
  if length ~= need then refuse("LengthMismatch", at, need, length) end
  local recoverable, reserved = tvb(at + 2, 1):uint(), tvb(at + 3, 1):uint()
  if recoverable > 1 then refuse("ValueUnknown", at + 2, 1, recoverable) end
  if reserved > 0 then refuse("ReservedNotZero", at + 3, 0, reserved) end
  local text_at = add_numbers(tree, tvb, at, error_head)
  add_text(tree, text_field, "TextNotUtf8", tvb, text_at, at + length - text_at)
end

local payloads = {
  [0x01] = counted(position), [0x02] = states_payload, [0x03] = metrics_payload, [0x04] = coordination_payload,
  [0x06] = exactly(stamps, true), [0x10] = exactly(tick), [0x11] = counted(edge), [0xFF] = error_payload,
}

local codec_heads = { [1] = shuffle_head, [2] = residual_head, [3] = box_head, [4] = residual_head }

-- The length of a payload as its head makes it; with residuals, of what lies before the widths.
local function coded_bytes(tvb, at, codec)
  local head_bytes = codec_heads[codec].bytes
  if codec == 1 then return head_bytes + 28 * tvb(at + 4, 4):le_uint() end
  if codec == 3 then return head_bytes + 16 * tvb(at + 4, 4):le_uint() end
  return head_bytes + 8 * (tvb(at + 12, 4):le_uint() + tvb(at + 2, 2):le_uint())
end

local function add_coded(tree, tvb, at, stop)
  if at == stop then return warn(tree, "no room for a codec") end
  local codec = tvb(at, 1):uint()
  local head, records_at = codec_heads[codec], at + 1
  if not head or at + head.bytes > stop then
    tree:add(codec_field, tvb(at, 1))
    warn(tree, head and "half a head" or "an unknown codec")
  else
    records_at = add_numbers(tree, tvb, at, head)
    local need, have = coded_bytes(tvb, at, codec), stop - at
    if need > have or (head ~= residual_head and need ~= have) then
      warn(tree, codecs[codec] .. ": the head makes " .. need .. " bytes, have " .. have)
    end
  end
  if records_at < stop then tree:add(coded_field, tvb(records_at, stop - records_at)) end
end

local function add_compressed(tree, tvb, at, stop)
  if at + 4 > stop then return warn(tree, "no room for the original length") end
  tree:add_le(original_field, tvb(at, 4))
  if at + 4 < stop then tree:add(data_field, tvb(at + 4, stop - at - 4)) end
end

-- A payload that a flag gives another shape: the channel, then what is compressed or in a codec.
local function add_encoded(tree, tvb, at, length, kind, flags)
  local stop = at + length
  if length > 0 then tree = tree:add(encoded_field, tvb(at, length)) end
  if flags % 64 >= 32 then
    if length < 2 then return warn(tree, "no room for a channel") end
    tree:add_le(channel_field, tvb(at, 2))
    at = at + 2
  end
  if flags % 2 == 1 then return add_compressed(tree, tvb, at, stop) end
  if flags >= 64 then return add_coded(tree, tvb, at, stop) end
  if payloads[kind] then
    local _, refusal = attempt(payloads[kind], tvb, at, stop - at, tree)
    if refusal then warn(tree, refusal.kind .. " at byte " .. refusal.offset) end
  end
end

-- Refuses what doesn't begin with the magic, as far as it is there.
local function expect_magic(tvb, at, have)
  local magic = tvb(at, math.min(have, 4)):raw()
  if magic == ("AGNT"):sub(1, #magic) then return end
  if magic == "TNGA" then refuse("ReversedMagic", at, 4, 4) end
  local agreeing = 0
  while magic:byte(agreeing + 1) == ("AGNT"):byte(agreeing + 1) do agreeing = agreeing + 1 end
  refuse("BadMagic", at, 4, agreeing)
end

local add_frames

-- zlib's or gzip's data as inflated bytes, or nothing; the method's name depends on the version.
local function inflate(data)
  local fine, inner = pcall(function() return data:uncompress_zlib("Frames") end)
  if not fine then inner = data:uncompress("Frames") end
  return inner
end

-- The frames of a batch, if its first bytes say zlib or gzip.
local function add_batch(tree, data, original, summary)
  local first = data:len() > 2 and data(0, 2):uint() or 0
  local is_zlib = math.floor(first / 256) == 0x78 and first % 31 == 0
  if original > INFLATE_BYTES_MAX or not (is_zlib or first == 0x1F8B) then return end
  local inner = inflate(data)
  if inner and inner:len() == original then
    add_frames(tree, inner:tvb(), summary)
  else
    warn(tree, "the data isn't " .. original .. " bytes compressed")
  end
end

-- The frame at `at`; returns how many bytes it takes.
local function add_frame(tree, tvb, at, summary)
  local have = tvb:len() - at
  expect_magic(tvb, at, have)
  local kind = have > 4 and tvb(at + 4, 1):uint()
  local head_bytes = kind == COMPRESSED_BATCH and COMPRESSED_HEAD_BYTES or HEADER_BYTES
  if have < head_bytes then refuse("Partial", at, head_bytes, have) end
  summary[#summary + 1] = types[kind] or ("type " .. kind)
  tree:append_text(", " .. summary[#summary])
  tree:add(magic_field, tvb(at, 4))
  tree:add(type_field, tvb(at + 4, 1))
  if kind == COMPRESSED_BATCH then
    add_compressed(tree, tvb, at + 5, at + have)
    if have > head_bytes then add_batch(tree, tvb(at + 9), tvb(at + 5, 4):le_uint(), summary) end
    return have
  end
  local flags, length, body = tvb(at + 5, 1):uint(), tvb(at + 6, 2):le_uint(), at + head_bytes
  local flags_item = tree:add(flags_field, tvb(at + 5, 1))
  for _, field in ipairs(flag_fields) do flags_item:add(field, tvb(at + 5, 1)) end
  tree:add_le(length_field, tvb(at + 6, 2))
  if flags >= 128 then refuse("LengthExtended", at + 5, flags - 128, flags) end
  if have < head_bytes + length then refuse("Partial", at, head_bytes + length, have) end
  tree:set_len(head_bytes + length)
  if flags % 2 == 1 or flags >= 32 then
    add_encoded(tree, tvb, body, length, kind, flags)
  elseif payloads[kind] then
    payloads[kind](tvb, body, length, tree)
  elseif length > 0 then
    tree:add(unknown_field, tvb(body, length))
  end
  return head_bytes + length
end

-- All frames of a message, up to its end or the first that is refused.
function add_frames(tree, tvb, summary)
  local at = 0
  while at < tvb:len() do
    local item = tree:add(agnt, tvb(at))
    local used, refusal = attempt(add_frame, item, tvb, at, summary)
    if refusal then
      item:add_proto_expert_info(kinds[refusal.kind], ("%s at byte %.0f: need %.0f, have %.0f"):format(
        refusal.kind, refusal.offset, refusal.need, refusal.have))
      summary[#summary + 1] = refusal.kind
      return
    end
    at = at + used
  end
end

local opcode_field, stream_field, known_streams = Field.new("websocket.opcode"), Field.new("tcp.stream"), {}

function agnt.init() known_streams = {} end

-- The newest value of a field in this packet, which may hold several messages.
local function newest(field)
  local values = { field() }
  return values[#values] and values[#values].value
end

function agnt.dissector(tvb, pinfo, tree)
  local summary = {}
  add_frames(tree, tvb, summary)
  local names = table.concat(summary, " ", 1, math.min(#summary, 4))
  pinfo.cols.protocol:set("AGNT")
  pinfo.cols.info:append(" " .. names .. (#summary > 4 and " ..." or ""))
end

-- Whether a message is ours: it begins with the magic, or an earlier one of its connection did.
local function is_ours(tvb, pinfo, tree)
  local stream = newest(stream_field)
  if not stream or newest(opcode_field) == TEXT_MESSAGE then return false end
  if tvb:len() >= 4 and tvb(0, 4):raw() == "AGNT" then known_streams[stream] = true end
  if not known_streams[stream] then return false end
  agnt.dissector(tvb, pinfo, tree)
  return true
end

agnt:register_heuristic("ws", is_ours)
