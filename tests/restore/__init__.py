"""The restore drill: a whole product under orders, a backup, more orders, the restore, and one command that finds the rest."""
