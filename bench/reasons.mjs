/** Why a bar is not met, by the bar's id (bars.mjs); shown beside the figure only while it is not met. */
export const REASONS = {};
