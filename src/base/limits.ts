/**
 * Every bound in one place, each with its reason. Names end in `Max`, units come before it.
 */

/** DE4 holds twelve digits; a balance may hold a thousand times that and still be an exact double. */
export const amountMinorMax = 999_999_999_999;
export const balanceMinorMax = 999_999_999_999_999;

/** The largest frame that a two-byte length can announce; a station may set less, and never more than this with four bytes. */
export const frameBytesMax = 65_535;

/** A message that nests deeper than this in one field is refused: real DE55 data nests two or three levels. */
export const tlvDepthMax = 8;

/** Three bitmaps of 64 bits number the fields of a message up to this. */
export const fieldNumberMax = 192;

/** BER-TLV: EMV has tags of three bytes at most, networks use four; a length of four bytes announces more than any frame holds. */
export const tlvTagBytesMax = 4;
export const tlvLengthBytesMax = 4;

/** Fields with subfields that have subfields of their own: a spec nests no deeper than this. */
export const subfieldDepthMax = 4;
