// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seaworthy-dev/seaworthy/internal/config"
)

func (p *program) configCommand() *cobra.Command {
	return p.group(&cobra.Command{Use: "config", Short: "Check the configuration and print its schema"},
		&cobra.Command{
			Use: "schema", Short: "Print the JSON Schema of " + config.FileName, Args: noArgs,
			RunE: func(*cobra.Command, []string) error {
				s, err := config.Schema()
				if err != nil {
					return err
				}
				_, err = p.out.Write(s)
				return err
			},
		},
		&cobra.Command{
			Use: "check [FILE]", Short: "Check a configuration file with all that it names",
			RunE: func(cmd *cobra.Command, args []string) error {
				file := ""
				switch len(args) {
				case 0:
				case 1:
					file = args[0]
				default:
					return usageError{errors.New("name one configuration file")}
				}
				cfg, err := loadConfig(file, nil)
				if err != nil {
					return err
				}
				sc, err := scanConfig(cmd.Context(), cfg)
				if err != nil {
					return err
				}
				for _, problem := range sc.Catalogue.Problems {
					p.warn("%s: %s", problem.File, problem.Message)
					p.exit = 2
				}
				from := cfg.File()
				if from == "" {
					from = "no " + config.FileName + " (all defaults)"
				}
				run, waivers := counted(len(sc.Catalogue.Checks), "check")+" run", counted(len(sc.Waivers), "waiver")
				if len(sc.Catalogue.Checks) == 1 {
					run += "s"
				}
				if len(sc.Waivers) == 0 {
					waivers = "no waivers"
				}
				_, err = fmt.Fprintf(p.out, "%s: %s, %s\n", from, run, waivers)
				return err
			},
		},
	)
}
