"""GraphQL at `/graphql`: a few queries to the services, and subscriptions to the hub of live push."""
