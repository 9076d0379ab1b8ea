# shellcheck shell=sh
# Steps of `server` that close what need not be open. They cannot lock anybody out: the way back is armed before each.
