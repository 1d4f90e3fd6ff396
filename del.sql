DELETE FROM public.orders
