"""One file per broker; `chassis.events.broker.connect` chooses by the URL's scheme."""
