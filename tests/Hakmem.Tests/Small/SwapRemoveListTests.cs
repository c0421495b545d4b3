using System.Collections.Generic;
using CsCheck;
using Hakmem.Small;
using Xunit;

namespace Hakmem.Tests.Small;

// The list that startup can afford, against the framework's.
public sealed class SwapRemoveListTests
{
    [Fact]
    public void ItHoldsWhatAListWouldHold()
    {
        Gen<(int Kind, int Pick)> step = Gen.Select(Gen.Int[0, 9], Gen.Int[0, 1_000]);
        step.List[0, 200].Sample(steps =>
        {
            SwapRemoveList<object> items = new();
            List<object> model = [];
            foreach ((int kind, int pick) in steps)
            {
                Step(items, model, kind, pick);
                Assert.Equal(model.Count, items.Count);
                for (int i = 0; i < model.Count; i++)
                {
                    Assert.Same(model[i], items[i]);
                }
            }
        });
    }

    private static void Step(SwapRemoveList<object> items, List<object> model, int kind, int pick)
    {
        int index = model.Count == 0 ? -1 : pick % model.Count;
        switch (kind)
        {
            case 0 when index >= 0:
                Assert.Same(model[index], items.RemoveAt(index));
                RemoveAt(model, index);
                break;
            case 1 when index >= 0:
                items.Remove(model[index]);
                RemoveAt(model, index);
                break;
            case 2 when index >= 0:
                model[index] = new object();
                items[index] = model[index];
                break;
            case 3:
                items.Remove(new object());
                break;
            case 4 when pick % 20 == 0:
                items.Clear();
                model.Clear();
                break;
            default:
                model.Add(new object());
                items.Add(model[^1]);
                break;
        }
    }

    private static void RemoveAt(List<object> model, int index)
    {
        model[index] = model[^1];
        model.RemoveAt(model.Count - 1);
    }
}
