"""What joins the rooms: a stage or a command calls one of these."""
