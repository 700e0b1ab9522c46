// Package dial connects to the services of a MinKNOW host, and says in words for an
// operator why it cannot.
//
// # Certificates
//
// A MinKNOW host signs the certificate of its services with an authority of its own,
// for the name "localhost" whatever the host is called. Older ones name it in the common
// name alone, which Go's own check no longer takes; so the chain and the name are
// checked here. The authority's file is read for every connection: hosts make a new one
// now and then.
//
// # Who we are
//
// In this order: a developer's token, the local token (a file that only programs of the
// same computer can read), a protocol's token, or nobody: MinKNOW has a guest mode, on
// by default for the own computer. A client certificate works beside them.
package dial
