package machine

import "testing"

func TestAPairOfCPUsIsTwoThatAreThere(t *testing.T) {
	if err := Pair(0, 0); err == nil || err.Error() != "CPU 0 on both sides: want two" {
		t.Errorf("one CPU twice: got %v", err)
	}
	if err := Pair(0, 4095); err == nil {
		t.Error("a CPU that is not there: no error")
	}
	if both, err := Siblings(0, 4095); both || err != nil {
		t.Errorf("a core has a thread that is not there: %v, %v", both, err)
	}
	if both, err := Siblings(4095, 0); both || err != nil {
		t.Errorf("a CPU that is not there: %v, %v", both, err)
	}
}
