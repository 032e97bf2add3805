meta:
  id: agnt
  title: AGNT, a binary WebSocket message of an agent stream
  ks-version: "0.10"
  endian: le
  license: MIT OR Apache-2.0
doc: |
  One binary WebSocket message: AGNT frames one behind the other. The wire is described in
  protocol.md, which lies beside this file; what it refuses, a parser made from this refuses too.

  Not looked into: data that is compressed, and the records behind the head of a codec whose reading
  needs the frames before it (codecs 2 and 4).
seq:
  - id: frames
    type: frame
    repeat: eos
types:
  frame:
    doc: A frame; a COMPRESSED_BATCH has a head of its own and takes the rest of the message.
    seq:
      - id: magic
        contents: AGNT
      - id: kind
        type: u1
        enum: message_type
      - id: body
        type:
          switch-on: kind
          cases:
            'message_type::compressed_batch': compressed
            _: plain
  plain:
    doc: What follows the type in every frame but a COMPRESSED_BATCH.
    seq:
      - id: flags
        type: flags
      - id: len_payload
        type: u2
      - id: payload
        size: len_payload
        type:
          switch-on: 'flags.is_encoded ? -1 : _parent.kind.to_i'
          cases:
            -1: encoded(_parent.kind, flags.is_compressed, flags.has_channel, flags.has_codec)
            0x01: position_update
            0x02: state_batch
            0x03: performance_metrics
            0x04: coordination_event
            0x06: heartbeat
            0x10: tick_info
            0x11: edge_batch
            0xff: error_frame
            _: opaque
  flags:
    seq:
      - id: bits
        type: u1
        valid:
          max: 0x7f
    instances:
      is_compressed:
        value: 'bits & 0x01 != 0'
        doc: The payload is a u32 original length and compressed data.
      priority:
        value: '(bits & 0x06) >> 1'
        enum: priority
      has_more:
        value: 'bits & 0x08 != 0'
        doc: More frames of the same tick follow.
      is_keyframe:
        value: 'bits & 0x10 != 0'
        doc: The frame belongs to a state tick.
      has_channel:
        value: 'bits & 0x20 != 0'
        doc: The payload starts with a u16 channel id.
      has_codec:
        value: 'bits & 0x40 != 0'
        doc: The payload starts with a u8 codec id.
      is_encoded:
        value: 'bits & 0x61 != 0'
        doc: The payload isn't the layout of its type.
  opaque:
    seq:
      - id: bytes
        size-eos: true
  nothing:
    doc: No byte may follow, so none is valid.
    seq:
      - id: trailing_byte
        type: u1
        if: not _io.eof
        valid:
          min: 1
          max: 0
  position_update:
    seq:
      - id: num_records
        type: u4
      - id: records
        type: position
        repeat: expr
        repeat-expr: num_records
      - id: rest
        type: nothing
  position:
    doc: NaN in x says that the agent is gone.
    seq:
      - id: agent
        type: u4
      - id: x
        type: f4
      - id: y
        type: f4
      - id: z
        type: f4
      - id: vx
        type: f4
        doc: The stream's own unit, a second.
      - id: vy
        type: f4
      - id: vz
        type: f4
  state_batch:
    seq:
      - id: num_records
        type: u4
      - id: records
        type: state
        repeat: expr
        repeat-expr: num_records
      - id: rest
        type: nothing
  state:
    seq:
      - id: agent
        type: u4
      - id: code
        type: u1
        enum: state_code
      - id: flags
        type: u1
        valid:
          any-of: [0, 1, 3]
        doc: Bit 0 says that metadata follows, bit 1 that it is CBOR.
      - id: metadata
        type: metadata(flags)
        if: flags != 0
  metadata:
    params:
      - id: flags
        type: u1
    seq:
      - id: len_content
        type: u2
      - id: json
        type: str
        size: len_content
        encoding: UTF-8
        if: flags == 1
      - id: cbor
        size: len_content
        if: flags == 3
  performance_metrics:
    doc: Records of 28 bytes; a length with 4 bytes more says that a count comes before them.
    seq:
      - id: num_records
        type: u4
        if: is_counted
        valid: _io.size / 28
      - id: records
        type: metrics
        repeat: eos
    instances:
      is_counted:
        value: _io.size % 28 == 4
  metrics:
    seq:
      - id: agent
        type: u4
      - id: tasks
        type: u4
      - id: success
        type: f4
        doc: A share, 0 to 1.
      - id: average_ms
        type: f4
      - id: cpu_percent
        type: f4
      - id: memory_bytes
        type: u8
        doc: 0 if unknown.
  coordination_event:
    seq:
      - id: coordination
        type: u4
      - id: pattern
        type: u1
        enum: pattern
      - id: status
        type: u1
        enum: coordination_status
      - id: num_participants
        type: u2
      - id: progress
        type: f4
      - id: initiator
        type: u4
      - id: participants
        type: participant
        repeat: expr
        repeat-expr: num_participants
      - id: rest
        type: nothing
  participant:
    seq:
      - id: agent
        type: u4
      - id: role
        type: u1
        enum: role
      - id: vote
        type: u1
        enum: vote
      - id: reserved
        type: u2
        valid: 0
  compressed:
    doc: Whole frames, one behind the other, compressed by what the connection negotiated.
    seq:
      - id: original_bytes
        type: u4
      - id: data
        size-eos: true
  heartbeat:
    seq:
      - id: stamps
        type: stamps
        if: not _io.eof
      - id: rest
        type: nothing
  stamps:
    seq:
      - id: client_send_us
        type: u8
      - id: server_receive_us
        type: u8
      - id: server_send_us
        type: u8
      - id: displayed_tick
        type: u4
      - id: client_flags
        type: u4
        doc: Bits 0-15 are the frames per second that the client shows, 0 if unknown.
  tick_info:
    seq:
      - id: tick
        type: u4
      - id: epoch
        type: u4
      - id: server_us
        type: u8
        doc: Microseconds since 1970, when the tick was published.
      - id: rest
        type: nothing
  edge_batch:
    seq:
      - id: num_records
        type: u4
      - id: records
        type: edge
        repeat: expr
        repeat-expr: num_records
      - id: rest
        type: nothing
  edge:
    seq:
      - id: source
        type: u4
      - id: target
        type: u4
      - id: weight
        type: f4
      - id: rate
        type: f4
  error_frame:
    seq:
      - id: code
        type: u2
        enum: error_code
      - id: recoverable
        type: u1
        valid:
          max: 1
      - id: reserved
        type: u1
        valid: 0
      - id: reference
        type: u4
        doc: What the error is about; 0 if nothing.
      - id: len_text
        type: u2
      - id: text
        type: str
        size: len_text
        encoding: UTF-8
      - id: rest
        type: nothing
  encoded:
    doc: A payload that a flag gives another shape, valid only where it was negotiated.
    params:
      - id: kind
        type: u1
        enum: message_type
      - id: is_compressed
        type: bool
      - id: has_channel
        type: bool
      - id: has_codec
        type: bool
    seq:
      - id: bytes
        size-eos: true
    instances:
      channel:
        pos: 0
        type: u2
        if: has_channel
      inner:
        pos: 'has_channel ? 2 : 0'
        size-eos: true
        doc: What lies behind the channel.
        type:
          switch-on: 'is_compressed ? -2 : has_codec ? -1 : kind.to_i'
          cases:
            -2: compressed
            -1: coded
            0x01: position_update
            0x02: state_batch
            0x03: performance_metrics
            0x04: coordination_event
            0x06: heartbeat
            0x10: tick_info
            0x11: edge_batch
            0xff: error_frame
            _: opaque
  coded:
    doc: Positions in a codec.
    seq:
      - id: codec
        type: u1
        enum: codec
      - id: records
        type:
          switch-on: codec
          cases:
            'codec::shuffle': shuffle
            'codec::predict': residuals
            'codec::box': box
            'codec::fixed': residuals
            _: opaque
  shuffle:
    doc: Byte k of record i, as a position has it, is byte i of plane k.
    seq:
      - id: reserved
        contents: [0, 0, 0]
      - id: num_records
        type: u4
      - id: planes
        size: num_records
        repeat: expr
        repeat-expr: 28
      - id: rest
        type: nothing
  box:
    doc: |
      x is minimum_x + x * position_step and vx is vx * velocity_step, in binary64 and rounded once.
    seq:
      - id: reserved
        contents: [0, 0, 0]
      - id: num_records
        type: u4
      - id: minimum_x
        type: f4
      - id: minimum_y
        type: f4
      - id: minimum_z
        type: f4
      - id: position_step
        type: f4
      - id: velocity_step
        type: f4
      - id: position_error
        type: f4
        doc: At most; rounding to binary32 included.
      - id: velocity_error
        type: f4
      - id: agents
        type: u4
        repeat: expr
        repeat-expr: num_records
      - id: x
        type: u2
        repeat: expr
        repeat-expr: num_records
      - id: y
        type: u2
        repeat: expr
        repeat-expr: num_records
      - id: z
        type: u2
        repeat: expr
        repeat-expr: num_records
      - id: vx
        type: s2
        repeat: expr
        repeat-expr: num_records
      - id: vy
        type: s2
        repeat: expr
        repeat-expr: num_records
      - id: vz
        type: s2
        repeat: expr
        repeat-expr: num_records
      - id: rest
        type: nothing
  residuals:
    doc: Differences from what each agent's previous record predicts.
    seq:
      - id: bits
        type: u1
        valid:
          any-of: [0, 1, 3]
      - id: num_runs
        type: u2
      - id: sequence
        type: u4
      - id: num_records
        type: u4
      - id: num_assignments
        type: u4
      - id: a
        type: f4
        doc: The weight of the old velocity, in seconds.
      - id: b
        type: f4
        doc: The weight of the new velocity, in seconds.
      - id: position_step
        type: f4
      - id: velocity_step
        type: f4
      - id: assignments
        type: assignment
        repeat: expr
        repeat-expr: num_assignments
      - id: runs
        type: run
        repeat: expr
        repeat-expr: num_runs
      - id: widths
        size: 6 * ((num_records + 31) / 32)
        doc: Bits a residual, a byte for each block of 32; all blocks of vx, then of vy, vz, x, y, z.
      - id: padding
        size: (-_io.pos) % 4
      - id: words
        type: u4
        repeat: eos
    instances:
      is_key:
        value: 'bits & 1 != 0'
      is_first:
        value: 'bits & 2 != 0'
  assignment:
    doc: The slot has this agent from now on.
    seq:
      - id: slot
        type: u4
      - id: agent
        type: u4
  run:
    seq:
      - id: first_slot
        type: u4
      - id: slots
        type: u4
        doc: How many slots one behind the other; with bit 31, bit i says whether slot first_slot + i is meant.
enums:
  message_type:
    0x01: position_update
    0x02: state_batch
    0x03: performance_metrics
    0x04: coordination_event
    0x05: compressed_batch
    0x06: heartbeat
    0x10: tick_info
    0x11: edge_batch
    0xff: error
  priority:
    0: normal
    1: low
    2: high
    3: critical
  state_code:
    0: offline
    1: starting
    2: idle
    3: busy
    4: error
    5: stopping
    6: paused
  pattern:
    0: unspecified
    1: consensus
  coordination_status:
    0: initiated
    1: voting
    2: approved
    3: rejected
    4: timed_out
  role:
    0: observer
    1: voter
  vote:
    0: pending
    1: approve
    2: reject
    3: abstain
  error_code:
    1: connection_failed
    2: auth_failed
    3: invalid_message
    4: agent_not_found
    5: command_failed
    6: rate_limit_exceeded
    7: internal_error
  codec:
    1: shuffle
    2: predict
    3: box
    4: fixed
