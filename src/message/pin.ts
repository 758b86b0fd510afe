/** What a card's PIN is verified against. It does not give the PIN away without the key, and is treated with care nevertheless. */
export type PinReference =
  /** PIN verification value: four digits, under the PVK of an index, 0 to 9. */
  | { readonly method: 'pvv'; readonly keyIndex: number; readonly value: string }
  /** IBM 3624: the PIN less the natural one, digit by digit; as many digits as the PIN has. */
  | { readonly method: 'ibm3624'; readonly keyIndex: number; readonly value: string };
