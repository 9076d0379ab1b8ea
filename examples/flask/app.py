"""A small Flask app with notes in SQLite, deployed by Slipway's own tests."""

import os
from pathlib import Path

from flask import Flask, jsonify, request
from sqlalchemy import Boolean, Column, Integer, MetaData, String, Table, create_engine, false, insert, select

# Deployed, the working folder is the release the `current` link leads to.
RELEASE = os.environ.get("SLIPWAY_RELEASE") or Path.cwd().resolve().name
# Shared by all releases.
DATA = Path("data")
DATA.mkdir(exist_ok=True)

# Wait for others' writes: there are several workers, and for a moment two releases.
engine = create_engine(f"sqlite:///{DATA}/app.db", connect_args={"timeout": 5})
metadata = MetaData()
notes = Table(
    "notes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("text", String(200), nullable=False),
    Column("pinned", Boolean, nullable=False, server_default=false()),
)

app = Flask(__name__)


@app.get("/")
def index():
    return f"<!doctype html><html lang=\"en\"><title>Slipway example</title><h1>Slipway example</h1><p>Release {RELEASE}</p></html>"


@app.get("/health")
def health():
    with engine.connect() as connection:
        connection.execute(select(notes).limit(1)).all()
    return jsonify(status="ok")


@app.get("/version")
def version():
    return jsonify(release=RELEASE, pid=os.getpid())


@app.get("/notes")
def list_notes():
    with engine.connect() as connection:
        return jsonify(notes=[dict(row) for row in connection.execute(select(notes).order_by(notes.c.id)).mappings()])


@app.post("/notes")
def add_note():
    text = (request.get_json(silent=True) or {}).get("text")
    if not isinstance(text, str) or not 0 < len(text) <= 200:
        return jsonify(error="text must have 1 to 200 characters."), 422
    with engine.begin() as connection:
        made = connection.execute(insert(notes).values(text=text))
        return jsonify(id=made.inserted_primary_key[0], text=text), 201
