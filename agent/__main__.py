"""`python -m agent` is the command `twinned`."""

from agent.cli import main

raise SystemExit(main())
