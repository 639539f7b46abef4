// A device that is written in Go: shows its certificate if crypto/tls lets it, and publishes one message over MQTT.
//
//	client HOST PORT ANCHORS CERTIFICATES KEY 1.2|1.3
//
// CLIENT_NOW is the date by which it judges certificates, in seconds since 1970; unset, it is the present.
// Prints one line of JSON: the outcome, the version of TLS, and the CONNACK's return code.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"
)

type result struct {
	Outcome string `json:"outcome"`
	TLS     string `json:"tls,omitempty"`
	Connack *byte  `json:"connack,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

const timeout = 10 * time.Second

func main() {
	var said result
	if err := publish(os.Args[1:], &said); err != nil {
		said.Outcome, said.Reason = "refused", err.Error()
	} else {
		said.Outcome = "published"
	}
	_ = json.NewEncoder(os.Stdout).Encode(said)
	if said.Reason != "" {
		os.Exit(1)
	}
}

func publish(args []string, said *result) error {
	if len(args) != 6 {
		return errors.New("usage: client HOST PORT ANCHORS CERTIFICATES KEY 1.2|1.3")
	}
	anchors, err := os.ReadFile(args[2])
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(anchors) {
		return fmt.Errorf("no certificate in %s", args[2])
	}
	pair, err := tls.LoadX509KeyPair(args[3], args[4])
	if err != nil {
		return err
	}
	version := uint16(tls.VersionTLS12)
	if args[5] == "1.3" {
		version = tls.VersionTLS13
	}
	connection, err := tls.DialWithDialer(&net.Dialer{Timeout: timeout}, "tcp", net.JoinHostPort(args[0], args[1]), &tls.Config{
		RootCAs: roots,
		// Certificates, not GetClientCertificate: this is where Go looks at the issuers that the server names.
		Certificates: []tls.Certificate{pair},
		MinVersion:   version,
		MaxVersion:   version,
		Time:         now,
	})
	if err != nil {
		return err
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	said.TLS = args[5]
	return talk(connection, said)
}

// Go asks the kernel for the time, and not the C library that libfaketime replaces.
func now() time.Time {
	if seconds, err := strconv.ParseInt(os.Getenv("CLIENT_NOW"), 10, 64); err == nil {
		return time.Unix(seconds, 0)
	}
	return time.Now()
}

// MQTT 3.1.1 with packets short enough that every length is one octet.
func talk(connection io.ReadWriter, said *result) error {
	in := bufio.NewReader(connection)
	name := "go-client"
	connect := append([]byte{0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, byte(len(name))}, name...)
	// With TLS 1.3 a server refuses after the handshake: it may be gone already, but its alert contains the reason.
	_, unsent := connection.Write(append([]byte{0x10, byte(len(connect))}, connect...))
	connack := make([]byte, 4)
	if _, err := io.ReadFull(in, connack); err != nil {
		return fmt.Errorf("waiting for CONNACK: %w", err)
	}
	if unsent != nil {
		return unsent
	}
	said.Connack = &connack[3]
	if connack[0] != 0x20 || connack[3] != 0 {
		return fmt.Errorf("CONNACK %x", connack)
	}

	topic, message := "v1/devices/me/telemetry", `{"temperature":25}`
	body := append([]byte{0, byte(len(topic))}, topic...)
	body = append(body, 0, 1)
	body = append(body, message...)
	if _, err := connection.Write(append([]byte{0x32, byte(len(body))}, body...)); err != nil {
		return err
	}
	puback := make([]byte, 4)
	if _, err := io.ReadFull(in, puback); err != nil {
		return fmt.Errorf("waiting for PUBACK: %w", err)
	}
	if puback[0] != 0x40 {
		return fmt.Errorf("instead of PUBACK: %x", puback)
	}
	_, err := connection.Write([]byte{0xe0, 0})
	return err
}
