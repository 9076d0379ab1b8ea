/** Why a bar is not met, by the bar's id (bars.mjs); shown beside the figure only while it is not met. */
const staging = 'the host links 8,900 files, lists and verifies all of them and brings them to the disk; rsync does the first of these, and neither verifies nor syncs';
export const REASONS = {
  'delta-50-rsync': staging,
  'delta-50-capistrano': staging,
  'delta-0-rsync': staging,
  'first-50-rsync': 'every file is hashed on the host after it came and brought to the disk; rsync ends when it is written',
  'rollback-50': 'login, lease, proof of 9,000 files against the index, switch and journal are one after the other at 50 ms each',
  'rollback-pm2': 'the switch itself takes about 1 s; the command then waits until the connections to the slot that is left have ended',
  'rollback-systemd': 'the switch itself takes about 1 s; the command then waits until the connections to the slot that is left have ended',
  start: 'Node itself needs 30 ms of it, reading and compiling the bundle the rest',
};
