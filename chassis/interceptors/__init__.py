"""Interceptors around every RPC, one concern per file; composed once per method by chassis/server.py."""
