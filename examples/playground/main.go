//go:build !js

// Playground shows in a browser which slots move when a group changes.
//
//	go run ./examples/playground
//
// It compiles the library and this page to WebAssembly, serves them on a
// loopback address, which it prints, and ends on an interrupt. It needs no
// network. The part that uses the library is model.go.
package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/ecmp-go/ecmp/internal/commandline"
)

//go:embed web
var web embed.FS

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	complain := log.New(stderr, "playground: ", 0)
	flags := flag.NewFlagSet("playground", flag.ContinueOnError)
	port := flags.Uint("port", 0, "`port` on 127.0.0.1; 0 is any that is free")
	err := commandline.Parse(flags, args, stderr)
	if err == nil && *port > math.MaxUint16 {
		err = fmt.Errorf("-port: %d is more than %d", *port, math.MaxUint16)
	}
	if err != nil {
		return commandline.Refuse(complain, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := serve(ctx, *port, stdout); err != nil && ctx.Err() == nil {
		complain.Print(err)
		return commandline.Failed
	}
	return 0
}

// serve serves the page until the context ends.
func serve(ctx context.Context, port uint, stdout io.Writer) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return fmt.Errorf("-port: %w", err)
	}
	handler, err := build(ctx)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	_, err = fmt.Fprintf(stdout, "Open http://%s in a browser. Press Ctrl-C to end.\n", listener.Addr())
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	if err := server.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// build compiles this package to WebAssembly, and returns what serves it. The
// script that starts it is the one of the Go that compiled it.
func build(ctx context.Context) (http.Handler, error) {
	dir, err := os.MkdirTemp("", "playground")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "playground.wasm")
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", file,
		"github.com/ecmp-go/ecmp/examples/playground")
	command.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if out, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w, in the repository?\n%s", err, out)
	}
	program, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return nil, err
	}
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	start, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js"))
	if err != nil {
		return nil, err
	}
	return site(program, start)
}

func site(program, start []byte) (http.Handler, error) {
	pages, err := fs.Sub(web, "web")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(pages))
	for path, file := range map[string]struct {
		kind    string
		content []byte
	}{
		"/playground.wasm": {"application/wasm", program},
		"/wasm_exec.js":    {"text/javascript", start},
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", file.kind)
			_, _ = w.Write(file.content)
		})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy",
			"default-src 'self'; img-src 'self' data:; script-src 'self' 'wasm-unsafe-eval'")
		mux.ServeHTTP(w, r)
	}), nil
}
