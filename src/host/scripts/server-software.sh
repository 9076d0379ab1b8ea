# shellcheck shell=sh
# Steps of `server` that bring software.
