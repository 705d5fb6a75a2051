"""SAP: classification of materials, as IDoc files or through an OData service."""
