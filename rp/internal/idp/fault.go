package idp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/tandem-sso/tandem/rp/internal/outside"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
)

// broken describes a call that got no whole answer.
func broken(what string, err error, written bool) Outcome {
	return Outcome{Answer: verdict.Answer{Fault: faultOf(err, written)}, Err: Quiet(what, err)}
}

// faultOf says how far a call came: if it was written, the server may have acted.
func faultOf(err error, written bool) verdict.Fault {
	var (
		verify    *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
	)
	switch {
	case errors.As(err, &verify), errors.As(err, &authority), errors.As(err, &host):
		return verdict.TLS
	case written:
		return verdict.Sent
	}
	return verdict.NotSent
}

// TimedOut reports whether a call ended because nobody answered in time.
func TimedOut(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// Quiet keeps the kind of a network error and drops the rest: see outside.Error.
func Quiet(what string, err error) error {
	err = outside.Error(err)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return fmt.Errorf("%s broke off its answer: %w", what, err)
	}
	return fmt.Errorf("%s did not answer: %w", what, err)
}
