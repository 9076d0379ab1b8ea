/** A release id: UTC time and short commit, `20261121T002714Z-3f9c2ab`. */
export function releaseId(now: Date, commit: string): string {
  const time = now.toISOString().replace(/[-:]/g, '').replace(/\.\d+/, '');
  return `${time}-${commit.slice(0, 7)}`;
}

/** Whether `text` can be a release id on a host: the same rule as in host/scripts/lib.sh. */
export function isReleaseId(text: string): boolean {
  return /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/.test(text);
}
