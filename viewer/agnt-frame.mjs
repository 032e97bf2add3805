/**
 * @file The constants of the AGNT frame (document C, Binary Protocol Specification).
 *
 * A frame is an 8-byte header (magic "AGNT", type u8, flags u8, payload length u16) and its payload; every
 * number is little-endian. Type 0x05 alone has a 9-byte header (magic, type, original length u32) and runs to
 * the end of the message.
 */

export const FrameType = Object.freeze({
  POSITION_UPDATE: 0x01,
  STATE_BATCH: 0x02,
  PERFORMANCE_METRICS: 0x03,
  COORDINATION_EVENT: 0x04,
  COMPRESSED_BATCH: 0x05,
  HEARTBEAT: 0x06,
  TICK_INFO: 0x10,
  EDGE_BATCH: 0x11,
  ERROR: 0xff,
});

/** What a POSITION_UPDATE with the flag CODEC holds; the first byte of its payload. */
export const Codec = Object.freeze({
  SHUFFLE: 1,
  PREDICT: 2,
  BOX: 3,
  FIXED: 4,
});

export const Flag = Object.freeze({
  COMPRESSED: 0x01,
  PRIORITY_MASK: 0x06,
  MORE: 0x08,
  KEYFRAME: 0x10,
  HAS_CHANNEL: 0x20,
  CODEC: 0x40,
  EXT_LENGTH: 0x80,
});

export const MAGIC = Object.freeze([0x41, 0x47, 0x4e, 0x54]);
/** The magic as the little-endian word that it is in memory. */
export const MAGIC_WORD = 0x544e4741;
export const HEADER_BYTES = 8;
export const COMPRESSED_HEADER_BYTES = 9;
/** Offset of the first position record inside its frame: the header and a u32 count. */
export const FIRST_RECORD_OFFSET = 12;
export const RECORD_BYTES = 28;
export const RECORD_WORDS = 7;
/** Most position records that a u16 payload length can carry. */
export const RECORDS_PER_FRAME_MAX = 2340;
export const STATE_RECORD_BYTES = 6;
export const METRICS_RECORD_BYTES = 28;
export const COORDINATION_HEAD_BYTES = 16;
export const PARTICIPANT_BYTES = 8;
export const HEARTBEAT_BYTES = 32;
export const ERROR_HEAD_BYTES = 10;
export const TICK_INFO_BYTES = 16;
export const EDGE_BYTES = 16;
/** Record flags of STATE_BATCH: a u16 length and metadata follow; the metadata is CBOR, not JSON. */
export const METADATA_PRESENT = 0x01;
export const METADATA_CBOR = 0x02;
