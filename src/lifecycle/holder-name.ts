/** A cardholder's name as chips and stripes take it (EMV tag 5F20): 2 to 26 characters of capital letters and few signs. */

const most = 26;
/** Letters that are no letter with a mark. */
const letters: Readonly<Record<string, string>> = { Ł: 'L', Ø: 'O', Æ: 'AE', Œ: 'OE', Đ: 'D', Ð: 'D', Þ: 'TH', ẞ: 'SS', ß: 'SS', İ: 'I', ı: 'I' };

/** As a pattern of JSON Schema. */
export const holderNamePattern = `^[A-Z][A-Z .'/-]{1,${most - 1}}$`;

/** The name in these letters; undefined where it is not to be written in them, or is missing: the caller has to say how it goes. */
export function holderNameOf(givenName: string | undefined, familyName: string | undefined): string | undefined {
  const [given, family] = [plain(givenName ?? ''), plain(familyName ?? '')];
  const whole = `${given} ${family}`.trim();
  const name = whole.length <= most ? whole : `${given.slice(0, 1)} ${family}`.trim().slice(0, most).trim();
  return new RegExp(holderNamePattern).test(name) ? name : undefined;
}

function plain(text: string): string {
  const capitals = text.replaceAll(/[ßı]/g, (letter) => letters[letter] ?? letter).toUpperCase().normalize('NFD').replaceAll(/\p{M}/gu, '');
  return capitals.replaceAll(/[^A-Z]/g, (letter) => letters[letter] ?? letter).replaceAll(/[’`]/g, '\'').replaceAll(/\s+/g, ' ').trim();
}
