/** A number to two digits, as people write it: with a minus that is one, and no minus before 0.00. */
export const hundredths = (value: number): string =>
  value
    .toFixed(2)
    .replace(/^-(?=0\.00$)/, '')
    .replace('-', '−');
