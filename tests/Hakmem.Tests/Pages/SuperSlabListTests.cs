using System;
using System.Collections.Generic;
using System.Linq;
using Hakmem.Pages;
using Xunit;

namespace Hakmem.Tests.Pages;

public sealed unsafe class SuperSlabListTests
{
    [Fact]
    public void AnySequenceIsThatOfAList()
    {
        using TestArena test = new();
        Assert.Equal(0, test.Arena.TryTake(20, 1));
        SuperSlabList list = new();
        List<int> model = [];
        Random random = new(2);
        for (int step = 0; step < 5_000; step++)
        {
            int slab = random.Next(20);
            if (model.Remove(slab))
            {
                list.Remove(test.Arena, slab);
            }
            else
            {
                list.AddFirst(test.Arena, slab);
                model.Insert(0, slab);
            }

            Assert.Equal(model.Count == 0, list.IsEmpty);
            Assert.Equal(model.FirstOrDefault(-1), list.Head);
            Assert.Equal(model.LastOrDefault(-1), list.Tail);
            List<int> forwards = [];
            for (int member = list.Head; member >= 0 && forwards.Count <= 20; member = test.Arena.Slab(member)->Next)
            {
                forwards.Add(member);
            }

            Assert.Equal(model, forwards);
        }
    }
}
