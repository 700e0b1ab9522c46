package dial

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/porevec/porevec/signal"
)

// Explain puts a failed connection or call into words that an operator can act on. The
// error itself, and its gRPC status, stay underneath. All of these troubles can be
// mended while we wait, so the class is transient, unless it was us who cancelled.
func (d *Dialer) Explain(err error) error {
	var known *signal.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	class := signal.Transient
	if errors.Is(err, context.Canceled) {
		class = signal.Cancelled
	}
	if advice := d.advice(err); advice != "" {
		err = fmt.Errorf("%s (%w)", advice, err)
	}
	return &signal.Error{Class: class, Op: "MinKNOW on " + d.opts.Host, Err: err}
}

func (d *Dialer) advice(err error) string {
	if advice := d.certificateAdvice(err); advice != "" {
		return advice
	}
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var dns *net.DNSError
	text := err.Error()
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrPermission):
		return "" // the file says it
	case errors.As(err, &dns):
		return "the name of the host is not known: check its spelling, or give its address"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens there: is MinKNOW running, and is it this host and port?"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "there is no way to this host: check the cable and the network"
	case errors.As(err, &record):
		return "what listens on this port does not speak TLS: it is not MinKNOW's secure port (9501 or 9502 for the manager)"
	case errors.As(err, &alert), strings.Contains(text, "remote error: tls"):
		return "the server does not accept our certificate: put it, or its authority, into MinKNOW's folder conf/rpc-client-certs and restart MinKNOW"
	case strings.Contains(text, "missing selected ALPN"):
		return "what listens on this port speaks TLS, but not HTTP/2: it is not MinKNOW's port for programs"
	case strings.Contains(text, "too_many_pings"):
		return "the server hung up because it was pinged too often"
	}
	switch status.Code(err) {
	case codes.Unauthenticated:
		return d.whoAreWe()
	case codes.PermissionDenied:
		return "MinKNOW knows us, but does not let us do that"
	case codes.ResourceExhausted:
		return "a message is larger than what is taken: please report this"
	case codes.Unimplemented:
		return "this server does not offer that; it is not MinKNOW, or a version before 5.0"
	}
	switch {
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), strings.Contains(text, "EOF"):
		if !useLocalToken(d.opts.Host) {
			return "the host hung up: is remote access allowed in MinKNOW's settings (Host settings, Security)?"
		}
		return "the server hung up: MinKNOW may be starting or stopping"
	case status.Code(err) == codes.DeadlineExceeded, errors.Is(err, context.DeadlineExceeded):
		return "no answer: the host is very busy, or a firewall swallows what we send"
	}
	return ""
}

// certificateAdvice tells what is wrong with certificates; "" when nothing is.
func (d *Dialer) certificateAdvice(err error) string {
	var refused *CertificateError
	if !errors.As(err, &refused) {
		return ""
	}
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) && invalid.Reason == x509.Expired {
		return "a certificate is out of its time: check the date of this computer; if that is right, restart MinKNOW, which makes new certificates"
	}
	var name x509.HostnameError
	if errors.As(err, &name) {
		return "this is not MinKNOW's certificate: is it this port?"
	}
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &unknown) {
		return "the authority's file and the server's certificate do not belong together: use the ca.crt of this very host " +
			"(<data folder>/rpc-certs/minknow/ca.crt, --ca); after an update of MinKNOW both may have changed, and restarting it puts them in step"
	}
	return "the server's certificate is not accepted: is it MinKNOW's port, and the ca.crt of this host?"
}

// whoAreWe tells what to do about a server that does not know us.
func (d *Dialer) whoAreWe() string {
	switch {
	case d.opts.Token != "":
		return "MinKNOW does not accept the token: it may have expired; make a new one in MinKNOW"
	case d.tokens.local:
		return "MinKNOW does not accept us: this user must be able to read its local token (see its folder for authentication tokens), " +
			"or guest mode must be on (Host settings, Security)"
	}
	return "MinKNOW wants to know who we are: use a client certificate (--client-cert) or a token (--token-file), or turn on guest mode in its settings (Host settings, Security)"
}
