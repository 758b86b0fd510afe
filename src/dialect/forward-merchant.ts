/** DE43 in its two layouts: columns of 1987 (name and street 25, city 13, country 2), and parts between backslashes of 1993. */

export interface MerchantPlace {
  readonly name: string;
  readonly street: string;
  readonly city: string;
  /** Two letters or three characters, as they came. */
  readonly country: string;
}

/** What has three backslashes is in parts; anything else is in columns. */
export function readMerchantPlace(text: string): MerchantPlace {
  const parts = text.split('\\');
  if (parts.length === 4) {
    const [name = '', street = '', city = '', rest = ''] = parts;
    // Postal code 10, region 3, country 3.
    return { name: name.trimEnd(), street: street.trimEnd(), city: city.trimEnd(), country: rest.slice(13).trim() };
  }
  return { name: text.slice(0, 25).trimEnd(), street: '', city: text.slice(25, 38).trimEnd(), country: text.slice(38, 40).trim() };
}

/** A name that is too long is cut short; a country that has not as many letters as the layout is left out. */
export function writeMerchantPlace(form: 'columns' | 'backslashes', { name, street, city, country }: MerchantPlace): string {
  if (form === 'columns') return column(name, 25) + column(city, 13) + (country.length === 2 ? country : '  ');
  return `${part(name, 40)}\\${part(street, 24)}\\${part(city, 13)}\\${' '.repeat(13)}${country.slice(0, 3).padEnd(3)}`;
}

function column(text: string, width: number): string {
  return text.slice(0, width).padEnd(width);
}

function part(text: string, max: number): string {
  return text.slice(0, max).replaceAll('\\', '/');
}
