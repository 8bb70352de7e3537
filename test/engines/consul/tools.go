//go:build tools

// Package tools names what go.mod pins: `go build github.com/hashicorp/consul` in this folder makes the agent.
package tools

import _ "github.com/hashicorp/consul"
