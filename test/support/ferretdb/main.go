// FerretDB on SQLite and nothing else, for the tests. test/support/mongodb-tools.sh puts it in the place of cmd/ferretdb: what that
// one adds (three other databases, tracing, telemetry, metrics over HTTP) is a third of the time it takes to build.
//
// The account is told by FERRETDB_USERNAME and FERRETDB_PASSWORD, for no command line is to hold it.
package main

import (
	"context"
	"flag"
	"log"
	"log/slog"
	"os"
	"time"

	"github.com/FerretDB/FerretDB/internal/clientconn"
	"github.com/FerretDB/FerretDB/internal/clientconn/connmetrics"
	"github.com/FerretDB/FerretDB/internal/handler/registry"
	"github.com/FerretDB/FerretDB/internal/util/logging"
	"github.com/FerretDB/FerretDB/internal/util/password"
	"github.com/FerretDB/FerretDB/internal/util/state"
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func main() {
	address := flag.String("listen", "127.0.0.1:27017", "where it answers")
	data := flag.String("data", "", "an existing folder: each database becomes a file in it")
	set := flag.String("set", "", "name of the replica set it says it is; local.oplog.rs is kept when it was created")
	flag.Parse()

	logging.Setup(&logging.NewHandlerOpts{Base: "console", Level: slog.LevelError}, "")
	metrics := connmetrics.NewListenerMetrics()
	handler, closeBackend, err := registry.NewHandler("sqlite", &registry.NewHandlerOpts{
		Logger:        slog.Default(),
		ConnMetrics:   metrics.ConnMetrics,
		StateProvider: must(state.NewProvider("")),
		TCPHost:       *address,
		ReplSetName:   *set,
		SetupDatabase: "admin",
		SetupUsername: os.Getenv("FERRETDB_USERNAME"),
		SetupPassword: password.WrapPassword(os.Getenv("FERRETDB_PASSWORD")),
		SetupTimeout:  30 * time.Second,
		SQLiteURL:     "file:" + *data + "/",
		// As cmd/ferretdb has them.
		TestOpts: registry.TestOpts{EnableNewAuth: true, BatchSize: 100, MaxBsonObjectSizeBytes: 16 << 20, CappedCleanupInterval: time.Minute, CappedCleanupPercentage: 10},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer closeBackend()
	must(clientconn.Listen(&clientconn.NewListenerOpts{
		TCP:     *address,
		Mode:    clientconn.NormalMode,
		Metrics: metrics,
		Handler: handler,
		Logger:  slog.Default(),
	})).Run(context.Background())
}
