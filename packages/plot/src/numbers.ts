/** A number to two decimals, as people write it: with a proper minus sign, and none before 0.00. */
export const hundredths = (value: number): string =>
  value
    .toFixed(2)
    .replace(/^-(?=0\.00$)/, '')
    .replace('-', '−');
