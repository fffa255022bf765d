"""One file per broker; `chassis.events.connection.connect` chooses one by the URL's scheme."""
