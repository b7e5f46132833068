package health

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// By is a way of asking.
type By string

// The ways of asking.
const (
	TCP   By = "tcp"   // it accepts a connection
	HTTP  By = "http"  // it answers a GET by a status from 200 to 399; redirects are not followed
	HTTPS By = "https" // as HTTP; whose certificate it has is not looked at
	UDP   By = "udp"   // its host does not say that nobody listens; silence is a good sign
)

// Ways are all of them.
func Ways() []string { return []string{string(TCP), string(HTTP), string(HTTPS), string(UDP)} }

// probes are what asking takes.
type probes struct {
	dialer net.Dialer
	client http.Client
	mark   atomic.Uint32 // of packets; 0: none
}

func newProbes() *probes {
	p := &probes{}
	p.dialer = net.Dialer{KeepAlive: -1, Control: func(_, _ string, c syscall.RawConn) error {
		if mark := p.mark.Load(); mark != 0 {
			return setMark(c, mark)
		}
		return nil
	}}
	p.client = http.Client{
		Transport: &http.Transport{
			DialContext:         p.dialer.DialContext,
			MaxIdleConnsPerHost: 1,
			IdleConnTimeout:     time.Minute,
			DisableCompression:  true,
			//nolint:gosec // members are known by their address
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return p
}

func (p *probes) close() { p.client.CloseIdleConnections() }

// ask returns nil if the target serves.
func (p *probes) ask(ctx context.Context, t Target) error {
	ctx, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	at := netip.AddrPortFrom(t.Addr, t.Port).String()
	switch t.By {
	case HTTP, HTTPS:
		return p.http(ctx, string(t.By)+"://"+at+"/"+strings.TrimPrefix(t.Path, "/"))
	case UDP:
		return p.udp(ctx, at)
	case TCP:
	}
	return p.tcp(ctx, at)
}

func (p *probes) tcp(ctx context.Context, at string) error {
	c, err := p.dialer.DialContext(ctx, "tcp", at)
	if err != nil {
		return err
	}
	// ends it by a reset, so that no port waits for a minute
	return errors.Join(c.(*net.TCPConn).SetLinger(0), c.Close())
}

func (p *probes) http(ctx context.Context, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := p.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close() //nolint:errcheck // nothing was written
	const most = 64 << 10     // of the body; a longer one costs the connection
	if _, err := io.CopyN(io.Discard, answer.Body, most); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if answer.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("GET %s: %s", url, answer.Status)
	}
	return nil
}

func (p *probes) udp(ctx context.Context, at string) error {
	c, err := p.dialer.DialContext(ctx, "udp", at)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // nothing is left to be sent
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Now()) })()
	if _, err = c.Write([]byte{0}); err == nil {
		_, err = c.Read(make([]byte, 1))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}
