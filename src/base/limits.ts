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
