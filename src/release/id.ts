/** A release id: UTC time and short commit, `20261121T002714Z-3f9c2ab`. */
export function releaseId(now: Date, commit: string): string {
  const time = now.toISOString().replace(/[-:]/g, '').replace(/\.\d+/, '');
  return `${time}-${commit.slice(0, 7)}`;
}
