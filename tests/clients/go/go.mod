module tbpki/tests/client

go 1.19
