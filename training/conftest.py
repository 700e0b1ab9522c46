"""Lets the tests import the modules beside them."""
