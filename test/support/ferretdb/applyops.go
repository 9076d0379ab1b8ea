package handler

import (
	"context"
	"strings"

	"github.com/FerretDB/wire"

	"github.com/FerretDB/FerretDB/internal/clientconn/conninfo"
	"github.com/FerretDB/FerretDB/internal/handler/common"
	"github.com/FerretDB/FerretDB/internal/handler/handlererrors"
	"github.com/FerretDB/FerretDB/internal/types"
	"github.com/FerretDB/FerretDB/internal/util/lazyerrors"
	"github.com/FerretDB/FerretDB/internal/util/must"
)

// MsgApplyOps is `applyOps` as far as mongorestore --oplogReplay needs it for what FerretDB writes into its own oplog: documents
// inserted, updated (the whole document behind $set) and deleted. FerretDB has no such command, and knows no roles: here only the
// account it was set up with may.
func (h *Handler) MsgApplyOps(ctx context.Context, msg *wire.OpMsg) (*wire.OpMsg, error) {
	document, err := opMsgDocument(msg)
	if err != nil {
		return nil, lazyerrors.Error(err)
	}
	if user, _, _, _ := conninfo.Get(ctx).Auth(); user != h.SetupUsername {
		return nil, handlererrors.NewCommandErrorMsg(handlererrors.ErrUnauthorized, "not authorized on admin to execute command { applyOps")
	}
	ops, err := common.GetRequiredParam[*types.Array](document, "applyOps")
	if err != nil {
		return nil, err
	}
	for i := 0; i < ops.Len(); i++ {
		if err = h.applyOp(ctx, must.NotFail(ops.Get(i)).(*types.Document)); err != nil {
			return nil, err
		}
	}
	return documentOpMsg(must.NotFail(types.NewDocument("applied", int32(ops.Len()), "ok", float64(1))))
}

func (h *Handler) applyOp(ctx context.Context, op *types.Document) error {
	database, collection, _ := strings.Cut(must.NotFail(op.Get("ns")).(string), ".")
	o := must.NotFail(op.Get("o")).(*types.Document)
	kind := must.NotFail(op.Get("op")).(string)
	command, list, run := "update", "updates", h.MsgUpdate
	var change *types.Document
	switch kind {
	case "i":
		key := must.NotFail(types.NewDocument("_id", must.NotFail(o.Get("_id"))))
		change = must.NotFail(types.NewDocument("q", key, "u", o, "upsert", true))
	case "u":
		change = must.NotFail(types.NewDocument("q", must.NotFail(op.Get("o2")), "u", must.NotFail(o.Get("$set"))))
	case "d":
		command, list, run = "delete", "deletes", h.MsgDelete
		change = must.NotFail(types.NewDocument("q", o, "limit", int32(1)))
	default:
		return handlererrors.NewCommandErrorMsg(handlererrors.ErrNotImplemented, "applyOps of "+kind)
	}
	msg, err := documentOpMsg(must.NotFail(types.NewDocument(command, collection, list, must.NotFail(types.NewArray(change)), "$db", database)))
	if err != nil {
		return err
	}
	_, err = run(ctx, msg)
	return err
}
