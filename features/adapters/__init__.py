"""Well-known layouts of event logs, each read into the canonical one."""
