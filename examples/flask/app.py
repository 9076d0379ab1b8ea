"""A small Flask app, deployed by Slipway's own tests."""

import os
from pathlib import Path

from flask import Flask, jsonify

# Deployed, the working folder is the release the `current` link leads to.
RELEASE = os.environ.get("SLIPWAY_RELEASE") or Path.cwd().resolve().name

app = Flask(__name__)


@app.get("/")
def index():
    return f"<!doctype html><html lang=\"en\"><title>Slipway example</title><h1>Slipway example</h1><p>Release {RELEASE}</p></html>"


@app.get("/health")
def health():
    return jsonify(status="ok")


@app.get("/version")
def version():
    return jsonify(release=RELEASE, pid=os.getpid())
