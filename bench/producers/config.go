package main

import (
	"embed"
	"fmt"
	"strings"
	"text/template"
)

// configs are the producers' configurations, with places for addresses, folders and topics.
//
//go:embed config
var configs embed.FS

// config fills a configuration in.
func config(name string, values any) (string, error) {
	t, err := template.New(name).Option("missingkey=error").ParseFS(configs, "config/"+name)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if err := t.Execute(&b, values); err != nil {
		return "", fmt.Errorf("config/%s: %w", name, err)
	}
	return b.String(), nil
}

// configure writes a configuration that is filled in into the site's folder and returns its path.
func (s *site) configure(name string, values any) (string, error) {
	text, err := config(name, values)
	if err != nil {
		return "", err
	}
	return s.file(name, text)
}
