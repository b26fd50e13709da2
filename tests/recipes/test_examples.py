from recipes.examples import normalization


def test_layer_normalization_sees_one_position_and_batch_normalization_its_neighbours(capsys):
    found = normalization.main()
    assert max(found["layer"].values()) < 1e-5
    assert found["batch"]["alone"] < 1e-5
    assert found["batch"]["with a neighbour"] > 0.5
    assert found["batch"]["with padding"] > 0.1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["Largest", "normalization", "layer", "batch"]
