package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	name := flag.String("forward", "", "")
	pods := flag.Int("pods", 1, "number of pods")
	plane := flag.String("plane", "kernel", "")
	window := flag.Uint64("window", 1<<40, "")
	flag.Parse()
	if *name != "" {
		if err := forward(*name, *pods); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if err := try(*pods, *plane, *window); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func try(pods int, plane string, window uint64) (err error) {
	r, err := newRace(pods)
	if r != nil {
		defer func() { err = errors.Join(err, r.close()) }()
	}
	if err != nil {
		return err
	}
	for range 2 {
		s, err := r.run(plane, window, time.Second)
		if err != nil {
			return err
		}
		fmt.Printf("%s %.0f /cpu-s %.0f /s busy %.2f %s\n", plane, s.perCPU, s.perSecond, s.busy, s.said)
	}
	return nil
}
