"""GraphQL at `/graphql`: a few queries over the services, and subscriptions over the hub of live push."""
