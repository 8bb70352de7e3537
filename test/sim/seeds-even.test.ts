import { seedSuite } from "./suite.ts";

seedSuite(0);
