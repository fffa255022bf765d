"""One file per broker; `chassis.events.broker.connect` chooses one by the URL's scheme."""
